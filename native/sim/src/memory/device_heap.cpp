// SPDX-License-Identifier: MIT
#include "memory/device_heap.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "memory/host_order.h"
#include "memory/write_trace.h"

namespace cudasim {

namespace {
constexpr std::size_t kAlign = 512;
constexpr std::size_t kRedZone = 512;
constexpr std::size_t kPage = 4096;

// The bytes of an allocation and those behind it that are nobody else's: whole pages of shadow.
std::size_t whole(std::size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }
} // namespace

DeviceHeap& DeviceHeap::instance() {
    static DeviceHeap* heap = new DeviceHeap; // never destroyed: streams may outlive static objects
    return *heap;
}

DeviceHeap::DeviceHeap() {
    if (const char* text = std::getenv("DEEPINFRA_CUDASIM_DEVICES")) {
        devices_ = std::clamp(std::atoi(text), 1, kMaxDevices);
    }
    device_bytes_ = std::size_t{16} << 30;
    if (const char* text = std::getenv("DEEPINFRA_CUDASIM_MEMORY_MIB")) {
        long mib = std::atol(text);
        if (mib > 0)
            device_bytes_ = static_cast<std::size_t>(mib) << 20;
    }
    total_bytes_ = device_bytes_ * static_cast<std::size_t>(devices_);
    void* map =
        mmap(nullptr, total_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
        throw std::bad_alloc();
    base_ = static_cast<std::uint8_t*>(map);
    for (int d = 0; d < devices_; ++d) {
        files_[d] = memfd_create("deepinfra-cudasim", MFD_CLOEXEC);
        if (files_[d] < 0 || ftruncate(files_[d], static_cast<off_t>(device_bytes_)) != 0)
            throw std::bad_alloc();
        std::uint8_t* at = base_ + device_bytes_ * static_cast<std::size_t>(d);
        if (mmap(at, device_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
                 files_[d], 0) == MAP_FAILED) {
            throw std::bad_alloc();
        }
        fresh_[d].add(kPage, device_bytes_ - kPage);
    }
    shadow_ = std::make_unique<Shadow>(base_, total_bytes_, true);
}

std::size_t DeviceHeap::used_bytes(int device) const {
    std::shared_lock<std::shared_mutex> lock(mutex_);
    return used_[device];
}

void DeviceHeap::give_back(int device, const std::uint8_t* region, std::size_t bytes) {
    unused_[device].add(offset_of(region), bytes);
}

// Fresh addresses first: what was freed stays recognisable for as long as possible. Then what was
// freed first.
std::uint8_t* DeviceHeap::reserve(int device, std::size_t bytes, std::size_t align) {
    std::uint8_t* start = base_ + device_bytes_ * static_cast<std::size_t>(device);
    if (auto at = fresh_[device].take(bytes, align))
        return start + *at;
    if (auto at = unused_[device].take(bytes, align))
        return start + *at;
    auto& queue = quarantine_[device];
    while (!queue.empty()) {
        auto found = allocations_.find(queue.front());
        queue.pop_front();
        if (found == allocations_.end())
            continue;
        give_back(device, found->second.region, found->second.reserved);
        allocations_.erase(found);
        if (auto at = unused_[device].take(bytes, align))
            return start + *at;
    }
    // What is left of both may do together.
    fresh_[device].move_to(unused_[device]);
    if (auto at = unused_[device].take(bytes, align))
        return start + *at;
    return nullptr;
}

std::uint8_t* DeviceHeap::allocate(int device, std::size_t bytes, bool pooled) {
    if (bytes > device_bytes_)
        return nullptr;
    std::unique_lock<std::shared_mutex> lock(mutex_);
    std::size_t reserved = whole(bytes) + kRedZone;
    if (used_[device] + bytes > device_bytes_)
        return nullptr;
    // Its entry first: nothing that has been reserved gets lost for want of memory then.
    decltype(allocations_) made;
    made.try_emplace(nullptr);
    auto entry = made.extract(made.begin());
    std::uint8_t* p = reserve(device, reserved, kAlign);
    if (p == nullptr)
        return nullptr;
    std::memset(p, 0xff, bytes);
    shadow_->clear(p, whole(bytes));
    WriteTrace::instance().forget(p, bytes);
    // It replaces one that was there before and has been forgotten.
    allocations_.erase(p);
    entry.key() = p;
    entry.mapped() = Allocation{p, bytes, reserved, device, false, false, false, pooled, p};
    allocations_.insert(std::move(entry));
    used_[device] += bytes;
    touch();
    return p;
}

bool DeviceHeap::free(void* p, Allocation* found) {
    std::unique_lock<std::shared_mutex> lock(mutex_);
    auto it = allocations_.find(static_cast<std::uint8_t*>(p));
    if (it == allocations_.end())
        return false;
    if (found != nullptr)
        *found = it->second;
    Allocation& a = it->second;
    if (a.freed)
        return false;
    a.freed = true;
    touch(); // also if what follows fails: kernels must not take it for alive
    forget_host_records(a.base);
    if (!a.imported)
        used_[a.device] -= a.bytes;
    shadow_->clear(a.base, whole(a.bytes));
    // Whole pages go back to the machine; the addresses stay out of use for as long as possible.
    std::size_t first = (offset_of(a.base) + kPage - 1) / kPage * kPage;
    std::size_t last = (offset_of(a.base) + a.bytes) / kPage * kPage;
    bool reusable = true;
    if (a.imported) {
        // The device's own memory again. Where the machine refuses that, the other process's memory
        // stays mapped there, and nobody else may get it.
        reusable = mmap(a.region, a.reserved, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_FIXED | MAP_NORESERVE, files_[a.device],
                        static_cast<off_t>(offset_of(a.region))) != MAP_FAILED;
    } else if (first < last) {
        fallocate(files_[a.device], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  static_cast<off_t>(first), static_cast<off_t>(last - first));
    }
    if (reusable)
        quarantine_[a.device].push_back(a.base);
    return true;
}

void DeviceHeap::mark_exported(const void* base) {
    std::unique_lock<std::shared_mutex> lock(mutex_);
    auto it = allocations_.find(static_cast<const std::uint8_t*>(base));
    if (it != allocations_.end())
        it->second.exported = true;
    touch();
}

bool DeviceHeap::find(const void* p, Allocation* result) const {
    std::shared_lock<std::shared_mutex> lock(mutex_);
    auto it = allocations_.upper_bound(static_cast<const std::uint8_t*>(p));
    if (it == allocations_.begin())
        return false;
    --it;
    if (static_cast<const std::uint8_t*>(p) >= it->second.base + it->second.bytes)
        return false;
    *result = it->second;
    return true;
}

bool DeviceHeap::nearest(const void* p, Allocation* result) const {
    std::shared_lock<std::shared_mutex> lock(mutex_);
    auto it = allocations_.upper_bound(static_cast<const std::uint8_t*>(p));
    if (it == allocations_.begin())
        return false;
    *result = std::prev(it)->second;
    return true;
}

std::uint8_t* DeviceHeap::import(int device, int file, std::size_t offset, std::size_t bytes) {
    std::unique_lock<std::shared_mutex> lock(mutex_);
    std::size_t page_offset = offset / kPage * kPage;
    std::size_t mapped = (offset - page_offset + bytes + kPage - 1) / kPage * kPage;
    std::uint8_t* p = reserve(device, mapped + kPage, kPage);
    if (p == nullptr)
        return nullptr;
    if (mmap(p, mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
             static_cast<off_t>(page_offset)) == MAP_FAILED) {
        give_back(device, p, mapped + kPage);
        return nullptr;
    }
    std::uint8_t* base = p + (offset - page_offset);
    allocations_[base] =
        Allocation{base, bytes, mapped + kPage, device, false, true, false, false, p};
    touch();
    return base;
}

} // namespace cudasim
