// SPDX-License-Identifier: MIT
#include "memory/shadow.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <string_view>

#include "core/launch.h"
#include "core/model.h"
#include "core/report.h"
#include "memory/cells.h"
#include "memory/explain.h"
#include "memory/strong.h"

namespace cudasim {

namespace {

// Of global memory that everybody reads and nobody writes only so many readers are kept.
constexpr std::size_t kMaxReaders = 2048;
constexpr std::size_t kMaxSharedReaders = 12;

// Whoever sees an epoch sees the strength that goes with it, or a newer one.
Epoch load(const Epoch& e) { return __atomic_load_n(&e, __ATOMIC_ACQUIRE); }
void store(Epoch& e, Epoch value) { __atomic_store_n(&e, value, __ATOMIC_RELEASE); }
Strength load(const Strength& s) { return __atomic_load_n(&s, __ATOMIC_RELAXED); }
void store(Strength& s, Strength value) { __atomic_store_n(&s, value, __ATOMIC_RELAXED); }
// Cells at the beginning that equal the first.
std::size_t run_length(const Cell* c, std::size_t n) {
    constexpr std::size_t kShort = 4;
    if (n > kShort)
        return equal_cells(c, n);
    const Epoch w = load(c[0].write), r = load(c[0].read);
    std::size_t end = 1;
    while (end < n && load(c[end].write) == w && load(c[end].read) == r)
        ++end;
    return end;
}
bool all_are(const Cell* c, std::size_t n, Epoch write, Epoch read) {
    return load(c->write) == write && load(c->read) == read && run_length(c, n) == n;
}
// Of a cell's epochs: whether how it was done stands beside it. A set's readers have that with
// them.
bool has_strength(Epoch e) { return !is_reader_set(e) && epoch_strong(e); }
bool same_agent(Epoch a, Epoch b) { return (a >> 21) == (b >> 21); }

} // namespace

namespace {
bool ordered(const Access& access, Epoch e, bool async) {
    return access.collective ? view_covers(access.thread, access.view, e, async)
                             : happened_before(access.thread, e, async);
}
} // namespace

namespace {
template <typename T> T* map_array(std::size_t count) {
    void* map = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
        throw std::bad_alloc();
    return static_cast<T*>(map);
}
template <typename T> void unmap_array(T* array, std::size_t count) {
    if (array != nullptr)
        munmap(array, count * sizeof(T));
}
} // namespace

Shadow::Shadow(const void* base, std::size_t bytes, bool shared)
    : base_(static_cast<const std::uint8_t*>(base)), bytes_(bytes), shared_(shared),
      cells_(map_array<Cell>(bytes)) {
    try {
        strengths_ = map_array<Strengths>(bytes);
        if (!shared_)
            granules_ = map_array<Cell>(bytes / kGranule);
    } catch (...) {
        unmap_array(strengths_, bytes_);
        unmap_array(cells_, bytes_);
        throw;
    }
}

Shadow::~Shadow() {
    unmap_array(cells_, bytes_);
    unmap_array(strengths_, bytes_);
    unmap_array(granules_, bytes_ / kGranule);
}

std::size_t Shadow::equal_strengths(const Run& run, std::size_t first, std::size_t count) const {
    const Strengths* s = strengths_at(run.at + first * run.unit);
    std::size_t n = 1;
    while (n < count && load(s[n * run.unit].write) == load(s->write) &&
           load(s[n * run.unit].read) == load(s->read))
        ++n;
    return n;
}

void Shadow::mix(std::size_t granule) {
    Cell& g = granules_[granule];
    if (g.write == kMixed)
        return;
    fill_cells(cells_ + granule * kGranule, kGranule, g);
    g = {kMixed, 0};
}

template <typename F> void Shadow::for_each_run(const void* address, std::size_t bytes, F f) {
    const auto* at = static_cast<const std::uint8_t*>(address);
    if (granules_ == nullptr) {
        f(Run{cells_ + (at - base_), bytes, 1, at});
        return;
    }
    while (bytes != 0) {
        auto offset = static_cast<std::size_t>(at - base_);
        std::size_t granule = offset / kGranule, count = bytes / kGranule, used;
        if (offset % kGranule == 0 && count != 0) {
            used = count * kGranule;
            f(Run{granules_ + granule, count, kGranule, at});
        } else {
            used = std::min(bytes, kGranule - offset % kGranule);
            mix(granule);
            f(Run{cells_ + offset, used, 1, at});
        }
        at += used;
        bytes -= used;
    }
}

Shadow::Run Shadow::bytes_of(const Run& run, std::size_t first, std::size_t count) const {
    const std::uint8_t* at = run.at + first * kGranule;
    return {cells_ + (at - base_), count * kGranule, 1, at};
}

void Shadow::fill(const Run& run, Cell value) {
    if (!shared_) {
        fill_cells(run.cells, run.count, value);
        return;
    }
    for (std::size_t i = 0; i < run.count; ++i) {
        store(run.cells[i].write, value.write);
        store(run.cells[i].read, value.read);
    }
}

void Shadow::read(const Access& access, const void* address, std::size_t bytes) {
    for_each_run(address, bytes, [&](const Run& run) { read_run(access, run, bytes); });
}

void Shadow::read_run(const Access& access, const Run& run, std::size_t bytes) {
    const Epoch mine = access.epoch;
    for (std::size_t i = 0, end; i < run.count; i = end) {
        Cell* c = run.cells + i;
        const Epoch w = load(c->write), r = load(c->read);
        std::size_t length = run_length(c, run.count - i);
        end = i + length;
        if (w == kMixed) {
            read_run(access, bytes_of(run, i, length), bytes);
            continue;
        }
        const std::uint8_t* at = run.at + i * run.unit;
        Strengths strengths{};
        if (has_strength(w) || has_strength(r)) {
            length = equal_strengths(run, i, length);
            end = i + length;
            strengths = {load(strengths_at(at)->write), load(strengths_at(at)->read)};
        }
        if (w != 0) {
            check_pair(access, false, {w, strengths.write}, true, at, bytes);
        } else if (!access.tolerate_uninitialised) {
            fail_text(access.thread, access.caller, "uninitialised read",
                      format("%s of %zu bytes at ", access.what, bytes) +
                          describe_address(access.thread, at) + " that nobody has written");
        }
        if (r == mine)
            continue;
        Epoch next = mine;
        std::unique_lock<std::mutex> guard;
        if (is_reader_set(r)) {
            guard = lock();
            if (shared_ && !all_are(c, length, w, r)) {
                end = i;
                continue;
            }
            next = add_to_set(access, r, static_cast<std::uint32_t>(length * run.unit));
        } else if (r != 0) {
            next = add_reader(access, {r, strengths.read},
                              static_cast<std::uint32_t>(length * run.unit));
        }
        for (std::size_t k = 0; access.strong && k < length * run.unit; ++k)
            store(strengths_at(at)[k].read, access.strength);
        if (next == r)
            continue; // one more reader of the same set
        if (!shared_) {
            fill_cells(c, length, {w, next});
            continue;
        }
        for (std::size_t k = 0; k < length; ++k)
            store(c[k].read, next);
    }
}

void Shadow::write(const Access& access, const void* address, std::size_t bytes) {
    for_each_run(address, bytes, [&](const Run& run) { write_run(access, run, bytes); });
}

void Shadow::write_run(const Access& access, const Run& run, std::size_t bytes) {
    for (std::size_t i = 0, end; i < run.count; i = end) {
        Cell* c = run.cells + i;
        const Epoch w = load(c->write), r = load(c->read);
        std::size_t length = run_length(c, run.count - i);
        const std::uint8_t* at = run.at + i * run.unit;
        std::unique_lock<std::mutex> guard;
        if (w == kMixed) {
            write_run(access, bytes_of(run, i, length), bytes);
        } else {
            Strengths strengths{};
            if (has_strength(w) || has_strength(r)) {
                length = equal_strengths(run, i, length);
                strengths = {load(strengths_at(at)->write), load(strengths_at(at)->read)};
            }
            if (w != 0 && w != access.epoch)
                check_pair(access, true, {w, strengths.write}, true, at, bytes);
            if (is_reader_set(r)) {
                guard = lock();
                if (shared_ && !all_are(c, length, w, r)) {
                    end = i;
                    continue;
                }
                if (const Reader other = unordered_reader(access, r); other.epoch != 0) {
                    if (guard.owns_lock())
                        guard.unlock(); // a report does not return
                    race(access, true, other, false, at, bytes);
                }
                drop_readers(r, static_cast<std::uint32_t>(length * run.unit));
            } else if (r != 0) {
                check_pair(access, true, {r, strengths.read}, false, at, bytes);
            }
        }
        end = i + length;
        for (std::size_t k = 0; access.strong && k < length * run.unit; ++k)
            store(strengths_at(at)[k].write, access.strength);
        fill(Run{c, length, run.unit, at}, {access.epoch, 0});
    }
}

namespace {
// True if whatever conflicts with the old read and is not ordered after it also does with a read of
// access, which is ordered after it: then only the new one need be kept.
bool replaces(const Access& access, Epoch old, Strength strength) {
    if (!access.strong)
        return true;
    if (!epoch_strong(old) || access.strength != strength)
        return false;
    // Scopes reach equally far from both.
    return same_agent(old, access.epoch) ||
           ((strength & 3) >= DI_SIM_CLUSTER && epoch_space(old) == epoch_space(access.epoch));
}
} // namespace

std::uint32_t Shadow::take_set(std::uint32_t references) {
    std::uint32_t index;
    if (free_sets_.empty()) {
        index = static_cast<std::uint32_t>(sets_.size());
        sets_.emplace_back();
    } else {
        index = free_sets_.back();
        free_sets_.pop_back();
    }
    sets_[index].references = references;
    return index;
}

Epoch Shadow::add_reader(const Access& access, Reader old, std::uint32_t run) {
    const Epoch mine = access.epoch;
    if ((same_agent(old.epoch, mine) || ordered(access, old.epoch, false)) &&
        replaces(access, old.epoch, old.strength))
        return mine;
    auto guard = lock();
    const std::uint32_t index = take_set(run);
    sets_[index].readers.assign({old, {mine, access.strength}});
    return kReaderSet | index;
}

Epoch Shadow::add_to_set(const Access& access, Epoch old, std::uint32_t run) {
    const Epoch mine = access.epoch;
    auto index = static_cast<std::uint32_t>(old & 0xffffffffu);
    if (index >= sets_.size() || sets_[index].references == 0)
        return mine; // lost to another host thread's update of the cell
    for (const Reader& r : sets_[index].readers) {
        if (r.epoch == mine && (!access.strong || r.strength == access.strength))
            return old;
    }
    std::uint32_t target = index;
    if (sets_[index].references > run) {
        std::vector<Reader> copy = sets_[index].readers;
        target = take_set(run);
        sets_[index].references -= run;
        sets_[target].readers = std::move(copy);
    }
    std::vector<Reader>& readers = sets_[target].readers;
    const Reader reader{mine, access.strength};
    bool replaced = false;
    for (Reader& r : readers) {
        if (same_agent(r.epoch, mine) && replaces(access, r.epoch, r.strength)) {
            r = reader;
            replaced = true;
        }
    }
    if (!replaced) {
        std::size_t limit = shared_ ? kMaxSharedReaders : kMaxReaders;
        if (readers.size() >= limit) {
            readers[mine % readers.size()] = reader;
        } else {
            readers.push_back(reader);
        }
    }
    return kReaderSet | target;
}

void Shadow::check_pair(const Access& access, bool writes, Reader other, bool other_writes,
                        const void* address, std::size_t bytes) {
    if (access.strong && epoch_strong(other.epoch) &&
        weakness(access, other.epoch, other.strength) == Weakness::None)
        return;
    if (!ordered(access, other.epoch, other_writes && access.async))
        race(access, writes, other, other_writes, address, bytes);
}

Shadow::Reader Shadow::unordered_reader(const Access& access, Epoch readers) const {
    auto index = static_cast<std::uint32_t>(readers & 0xffffffffu);
    if (index >= sets_.size())
        return {};
    Reader unordered{};
    for (const Reader& r : sets_[index].readers) {
        const bool strong = access.strong && epoch_strong(r.epoch) &&
                            weakness(access, r.epoch, r.strength) == Weakness::None;
        if (!strong && !ordered(access, r.epoch, false))
            unordered = r;
    }
    return unordered;
}

void Shadow::race(const Access& access, bool writes, Reader other, bool other_writes,
                  const void* address, std::size_t bytes) {
    if (other.epoch == kBarrierCell) {
        fail_text(access.thread, access.caller, "mbarrier overwritten",
                  format("%s of %zu bytes at ", access.what, bytes) +
                      describe_address(access.thread, address) + " which is an mbarrier");
    }
    std::string text =
        format("%s (%s of %zu bytes) at ", access.what, writes ? "write" : "read", bytes) +
        describe_address(access.thread, address) + " races with " +
        (other_writes ? "a write" : "a read") + " by " +
        describe_epoch(access.thread, other.epoch, address);
    if (access.async && ordered(access, other.epoch, false)) {
        text += "\n  it is ordered, but only in the generic proxy: ";
        text += std::string_view(access.what) == "tensor map" ? "fence.proxy.tensormap.acquire"
                                                              : "fence.proxy.async";
        text += " is missing";
        fail_text(access.thread, access.caller, "proxy race", text);
    }
    if (access.strong && epoch_strong(other.epoch))
        text += describe_weakness(access, other.epoch, other.strength);
    text += explain_missed(access.thread, other.epoch);
    fail_text(access.thread, access.caller, "race", text);
}

void Shadow::clear(const void* address, std::size_t bytes, bool give_back) {
    if (granules_ == nullptr) {
        forget_sync(address, bytes);
        Cell* c = cells_ + (static_cast<const std::uint8_t*>(address) - base_);
        clear_pages(c, c + bytes, give_back);
        return;
    }
    // Shared memory of a new cluster: the sets of readers of the old one are gone as a whole.
    for_each_run(address, bytes, [&](const Run& run) { fill(run, {0, 0}); });
}

void Shadow::mark_barrier(const void* address, std::size_t bytes, bool on) {
    for_each_run(address, bytes, [&](const Run& run) { fill(run, {on ? kBarrierCell : 0, 0}); });
}

} // namespace cudasim
