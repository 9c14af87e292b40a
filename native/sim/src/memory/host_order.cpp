// SPDX-License-Identifier: MIT
#include "memory/host_order.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "core/report.h"
#include "memory/access.h"
#include "memory/device_heap.h"
#include "memory/explain.h"
#include "memory/write_trace.h"

namespace cudasim {

namespace {

// The newest operations on an allocation; older ones are visible to whatever still runs, or as good
// as.
constexpr std::size_t kMaxRecords = 256;

std::mutex records_mutex;
std::unordered_map<const void*, std::vector<HostRecord>>& records() {
    static auto* all = new std::unordered_map<const void*, std::vector<HostRecord>>;
    return *all;
}

// Bytes of a row whose overwriting gives pages of the shadow back.
constexpr std::size_t kWorthGivingBack = 1u << 16;

[[noreturn]] void host_fault(const HostAgent& agent, const char* kind, std::string text) {
    std::string line = format("cudasim: %s in %s, device %d\n", kind,
                              describe_host_work(agent.name, agent.stamp).c_str(), agent.device);
    throw HostFault{{kind, line + text + "\n"}};
}

std::string describe_range(const HostAgent& agent, const HostRange& range, bool write,
                           const void* at) {
    std::string text =
        format("%s (%s of %zu bytes", agent.name.c_str(), write ? "write" : "read", range.width);
    if (range.height > 1)
        text += format(" in each of %zu rows", range.height);
    return text + ") at " + describe_memory(at);
}

// The first that is not ordered before the operation although it must be.
std::optional<HostRecord> unordered_record(const HostAgent& agent, const HostRange& range,
                                           bool write, const std::vector<HostRecord>& all) {
    for (const HostRecord& r : all) {
        if ((write || r.write) && !reaches(agent.visible, r.stamp) && r.range.overlaps(range))
            return r;
    }
    return std::nullopt;
}

// The base of the allocation or page-locked range, and its shadow; false for other memory.
bool find_memory(const HostAgent& agent, const HostRange& range, bool write, const void** base,
                 std::shared_ptr<Shadow>* shadow) {
    DeviceHeap& heap = DeviceHeap::instance();
    if (!heap.contains(range.start)) {
        *shadow = host_range_shadow(range.start, base);
        return *shadow != nullptr;
    }
    Allocation a;
    if (!heap.find(range.start, &a) || range.end() > a.base + a.bytes) {
        host_fault(agent, "global memory out of bounds",
                   describe_range(agent, range, write, range.start) + ": out of bounds");
    }
    if (a.freed) {
        host_fault(agent, "use after free",
                   describe_range(agent, range, write, range.start) + ": use after free");
    }
    if (a.unchecked())
        return false;
    *base = a.base;
    *shadow = std::shared_ptr<Shadow>(std::shared_ptr<Shadow>(), &heap.shadow()); // not owned
    return true;
}

void add_record(const HostAgent& agent, const HostRange& range, bool write,
                std::vector<HostRecord>& all) {
    // What the new one stands for too: an operation of the same stream that it covers, and for a
    // write everything that it covers, which was just found to be ordered before it.
    all.erase(std::remove_if(all.begin(), all.end(),
                             [&](const HostRecord& r) {
                                 bool same =
                                     r.stamp.stream == agent.stamp.stream && r.write == write;
                                 return (write || same) && range.covers(r.range);
                             }),
              all.end());
    if (all.size() >= kMaxRecords)
        all.erase(all.begin());
    all.push_back({range, agent.stamp, write, agent.name});
}

} // namespace

bool HostRange::overlaps(const std::uint8_t* low, const std::uint8_t* high) const {
    if (high <= start || low >= end())
        return false;
    if (height == 1)
        return true;
    // The first row that ends behind low decides.
    std::size_t row = 0;
    if (low > start) {
        auto offset = static_cast<std::size_t>(low - start);
        row = offset / pitch + (offset % pitch >= width ? 1 : 0);
    }
    return row < height && start + row * pitch < high;
}

bool HostRange::overlaps(const HostRange& other) const {
    if (other.height > height)
        return other.overlaps(*this);
    if (other.end() <= start || end() <= other.start)
        return false;
    for (std::size_t y = 0; y < other.height; ++y) {
        const std::uint8_t* low = other.start + y * other.pitch;
        if (overlaps(low, low + other.width))
            return true;
    }
    return false;
}

bool HostRange::covers(const HostRange& other) const {
    if (height == 1 || width == pitch)
        return other.start >= start && other.end() <= end();
    return other.start == start && other.pitch == pitch && other.width <= width &&
           other.height <= height;
}

std::string describe_host_work(const std::string& name, const Stamp& stamp) {
    if (stamp.stream == kHostStream)
        return name + " of the host";
    return name + format(" (stream %u, operation %llu)", stamp.stream,
                         static_cast<unsigned long long>(stamp.sequence));
}

void host_access(const HostAgent& agent, const HostRange& range, bool write, bool checks) {
    if (range.width == 0 || range.height == 0)
        return;
    for (std::size_t y = 0; write && y < range.height; ++y)
        WriteTrace::instance().forget(range.start + y * range.pitch, range.width);
    const void* base = nullptr;
    std::shared_ptr<Shadow> shadow;
    if (!find_memory(agent, range, write, &base, &shadow) || !checks)
        return;
    std::optional<HostRecord> other;
    {
        std::lock_guard<std::mutex> lock(records_mutex);
        std::vector<HostRecord>& all = records()[base];
        other = unordered_record(agent, range, write, all);
        // Before the look at the shadow: a kernel that comes in between sees the record.
        if (!other)
            add_record(agent, range, write, all);
    }
    // Without the lock: the report looks into the heap, which forgets records under its own.
    if (other) {
        host_fault(agent, "race",
                   describe_range(agent, range, write, std::max(range.start, other->range.start)) +
                       " races with a " + (other->write ? "write" : "read") + " by the " +
                       describe_host_work(other->name, other->stamp) +
                       ", which nothing orders before it");
    }
    DeviceHeap::instance().touch();
    for (std::size_t y = 0; y < range.height; ++y) {
        const std::uint8_t* row = range.start + y * range.pitch;
        const std::uint8_t* at = nullptr;
        bool other_writes = false;
        Epoch e =
            shadow->unordered_for_host(agent.visible, row, range.width, write, &at, &other_writes);
        if (e != 0) {
            host_fault(agent, "race",
                       describe_range(agent, range, write, at) + " races with a " +
                           (other_writes ? "write" : "read") + " by " + describe_foreign_epoch(e) +
                           ", which nothing orders before it");
        }
        if (write)
            shadow->clear(row, range.width, range.width >= kWorthGivingBack);
    }
}

std::vector<HostRecord> host_records_unseen(const void* base, const HostView& visible) {
    std::vector<HostRecord> unseen;
    std::lock_guard<std::mutex> lock(records_mutex);
    auto it = records().find(base);
    if (it == records().end())
        return unseen;
    for (const HostRecord& r : it->second) {
        if (!reaches(visible, r.stamp))
            unseen.push_back(r);
    }
    return unseen;
}

void forget_host_records(const void* base) {
    std::lock_guard<std::mutex> lock(records_mutex);
    records().erase(base);
}

} // namespace cudasim
