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

namespace cudasim {

namespace {

// Of global memory that everybody reads and nobody writes only so many readers are kept.
constexpr std::size_t kMaxReaders = 2048;
constexpr std::size_t kMaxSharedReaders = 12;

Epoch load(const Epoch& e) { return __atomic_load_n(&e, __ATOMIC_RELAXED); }
void store(Epoch& e, Epoch value) { __atomic_store_n(&e, value, __ATOMIC_RELAXED); }
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
bool same_agent(Epoch a, Epoch b) { return (a >> 21) == (b >> 21); }

} // namespace

namespace {
// True if some other cluster whose work t has seen (by an acquire) could itself see the stamp: what
// happened before a release happened before the acquire too.
bool inherited(const Cluster& cluster, const View& view, const Stamp& stamp) {
    struct Cache {
        std::uint64_t view = 0, sequence = 0;
        std::uint32_t stream = 0;
        bool result = false;
    };
    static thread_local Cache cache;
    if (cache.view == view.id() && cache.stream == stamp.stream && cache.sequence == stamp.sequence)
        return cache.result;
    const Launch& launch = *cluster.launch;
    bool result = false;
    for (const Foreign& f : view.foreigners()) {
        if (f.space - launch.first_space < launch.cluster_count) {
            // The same grid: it may have waited for the grid before it.
            result = launch.config.has_dependency &&
                     stamp.stream == launch.config.dependency.stream &&
                     stamp.sequence <= launch.config.dependency.sequence &&
                     f.view->seen(cluster.dependency_slot) > 0;
        } else if (auto work = work_of_space(f.space)) {
            result = reaches(work->visible, stamp);
        }
        if (result)
            break;
    }
    cache = {view.id(), stamp.sequence, stamp.stream, result};
    return result;
}
} // namespace

bool stamp_covers(const Thread* t, const View* view, const Stamp& stamp) {
    const Cluster& cluster = *t->block->cluster;
    const LaunchConfig& config = cluster.launch->config;
    if (reaches(config.visible, stamp))
        return true;
    if (view == nullptr)
        return false;
    if (config.has_dependency && stamp.stream == config.dependency.stream &&
        stamp.sequence <= config.dependency.sequence && view->seen(cluster.dependency_slot) > 0)
        return true;
    return !view->foreigners().empty() && inherited(cluster, *view, stamp);
}

bool view_covers(const Thread* t, const View* view, Epoch e, bool async) {
    const Cluster& cluster = *t->block->cluster;
    std::uint32_t space = epoch_space(e), slot = epoch_slot(e), clock = epoch_clock(e);
    if (space == cluster.space) {
        return view != nullptr && clock <= (async ? view->fenced(slot) : view->seen(slot));
    }
    bool same_launch = false;
    const Stamp* stamp = stamp_of_space(space, &same_launch, cluster.space);
    if (!same_launch && (stamp == nullptr || stamp_covers(t, view, *stamp)))
        return true; // or so old that its record is gone
    const View* foreign = view != nullptr ? view->foreign(space) : nullptr;
    return foreign != nullptr && clock <= (async ? foreign->fenced(slot) : foreign->seen(slot));
}

bool happened_before(const Thread* t, Epoch e, bool async) {
    if (epoch_space(e) == t->block->cluster->space && epoch_slot(e) == t->slot)
        return !async || epoch_clock(e) <= t->fenced;
    return view_covers(t, t->view.get(), e, async);
}

namespace {
bool ordered(const Access& access, Epoch e, bool async) {
    return access.collective ? view_covers(access.thread, access.view, e, async)
                             : happened_before(access.thread, e, async);
}
} // namespace

namespace {
Cell* map_cells(std::size_t count) {
    void* map = mmap(nullptr, count * sizeof(Cell), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
        throw std::bad_alloc();
    return static_cast<Cell*>(map);
}
} // namespace

Shadow::Shadow(const void* base, std::size_t bytes, bool shared)
    : base_(static_cast<const std::uint8_t*>(base)), bytes_(bytes), shared_(shared),
      cells_(map_cells(bytes)) {
    if (shared_)
        return;
    try {
        granules_ = map_cells(bytes / kGranule);
    } catch (...) {
        munmap(cells_, bytes_ * sizeof(Cell));
        throw;
    }
}

Shadow::~Shadow() {
    munmap(cells_, bytes_ * sizeof(Cell));
    if (granules_ != nullptr)
        munmap(granules_, bytes_ / kGranule * sizeof(Cell));
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
        const std::size_t length = run_length(c, run.count - i);
        end = i + length;
        if (w == kMixed) {
            read_run(access, bytes_of(run, i, length), bytes);
            continue;
        }
        const std::uint8_t* at = run.at + i * run.unit;
        if (w == 0) {
            if (!access.tolerate_uninitialised) {
                fail_text(access.thread, access.caller, "uninitialised read",
                          format("%s of %zu bytes at ", access.what, bytes) +
                              describe_address(access.thread, at) + " that nobody has written");
            }
        } else if (!(access.strong && epoch_strong(w)) && !ordered(access, w, access.async)) {
            race(access, false, w, true, at, bytes);
        }
        if (r == mine)
            continue;
        Epoch next = mine;
        if (r != 0)
            next = add_reader(access, r, static_cast<std::uint32_t>(length * run.unit));
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
        const std::size_t length = run_length(c, run.count - i);
        end = i + length;
        const std::uint8_t* at = run.at + i * run.unit;
        if (w == kMixed) {
            write_run(access, bytes_of(run, i, length), bytes);
        } else {
            if (w != 0 && w != access.epoch && !(access.strong && epoch_strong(w)) &&
                !ordered(access, w, access.async)) {
                race(access, true, w, true, at, bytes);
            }
            if (r != 0) {
                check_readers(access, r, at, bytes);
                if (is_reader_set(r))
                    drop_readers(r, static_cast<std::uint32_t>(length * run.unit));
            }
        }
        fill(Run{c, length, run.unit, at}, {access.epoch, 0});
    }
}

Epoch Shadow::add_reader(const Access& access, Epoch old, std::uint32_t run) {
    const Epoch mine = access.epoch;
    if (!is_reader_set(old)) {
        if (same_agent(old, mine) || ordered(access, old, false))
            return mine;
        auto guard = lock();
        std::uint32_t index;
        if (free_sets_.empty()) {
            index = static_cast<std::uint32_t>(sets_.size());
            sets_.emplace_back();
        } else {
            index = free_sets_.back();
            free_sets_.pop_back();
        }
        ReaderSet& set = sets_[index];
        set.references = run;
        set.readers.assign({old, mine});
        return kReaderSet | index;
    }
    auto guard = lock();
    auto index = static_cast<std::uint32_t>(old & 0xffffffffu);
    if (index >= sets_.size())
        return mine; // lost to another host thread's update of the cell
    for (Epoch e : sets_[index].readers) {
        if (e == mine)
            return old;
    }
    std::uint32_t target = index;
    if (sets_[index].references > run) {
        sets_[index].references -= run;
        if (free_sets_.empty()) {
            target = static_cast<std::uint32_t>(sets_.size());
            sets_.emplace_back();
        } else {
            target = free_sets_.back();
            free_sets_.pop_back();
        }
        sets_[target].references = run;
        sets_[target].readers = sets_[index].readers;
    }
    std::vector<Epoch>& readers = sets_[target].readers;
    bool replaced = false;
    for (Epoch& e : readers) {
        if (same_agent(e, mine)) {
            e = mine;
            replaced = true;
        }
    }
    if (!replaced) {
        std::size_t limit = shared_ ? kMaxSharedReaders : kMaxReaders;
        if (readers.size() >= limit) {
            readers[mine % readers.size()] = mine;
        } else {
            readers.push_back(mine);
        }
    }
    return kReaderSet | target;
}

void Shadow::check_readers(const Access& access, Epoch readers, const void* address,
                           std::size_t bytes) {
    Epoch unordered = 0;
    auto check = [&](Epoch e) {
        if (!(access.strong && epoch_strong(e)) && !ordered(access, e, false))
            unordered = e;
    };
    if (!is_reader_set(readers)) {
        check(readers);
    } else {
        auto guard = lock();
        auto index = static_cast<std::uint32_t>(readers & 0xffffffffu);
        if (index < sets_.size()) {
            for (Epoch e : sets_[index].readers)
                check(e);
        }
    }
    if (unordered != 0)
        race(access, true, unordered, false, address, bytes);
}

void Shadow::drop_readers(Epoch readers, std::uint32_t run) {
    auto guard = lock();
    auto index = static_cast<std::uint32_t>(readers & 0xffffffffu);
    if (index >= sets_.size())
        return;
    ReaderSet& set = sets_[index];
    if (set.references == 0)
        return;
    set.references = set.references > run ? set.references - run : 0;
    if (set.references == 0) {
        set.readers.clear();
        free_sets_.push_back(index);
    }
}

// Pages that nobody has touched are not looked at: they hold nothing, and a look would map them.
void Shadow::drop_readers_between(Cell* begin, Cell* end) {
    {
        auto guard = lock();
        if (reader_sets() == 0)
            return;
    }
    constexpr std::size_t kPage = 4096, kPages = 1024;
    unsigned char resident[kPages];
    auto* at = reinterpret_cast<std::uint8_t*>(begin);
    auto* const stop = reinterpret_cast<std::uint8_t*>(end);
    while (at < stop) {
        auto* const page = at - reinterpret_cast<std::uintptr_t>(at) % kPage;
        const std::size_t pages =
            std::min(kPages, (static_cast<std::size_t>(stop - page) + kPage - 1) / kPage);
        if (mincore(page, pages * kPage, resident) != 0)
            std::fill(resident, resident + pages, 1);
        for (std::size_t i = 0; i < pages; ++i) {
            auto* const next = std::min(stop, page + (i + 1) * kPage);
            if ((resident[i] & 1) != 0) {
                for (auto* c = reinterpret_cast<Cell*>(at); c < reinterpret_cast<Cell*>(next); ++c)
                    if (is_reader_set(load(c->read)))
                        drop_readers(load(c->read), 1);
            }
            at = next;
        }
    }
}

void Shadow::forget_readers() {
    auto guard = lock();
    free_sets_.clear();
    for (std::size_t i = 0; i < sets_.size(); ++i) {
        sets_[i].references = 0;
        sets_[i].readers.clear();
        free_sets_.push_back(static_cast<std::uint32_t>(i));
    }
}

void Shadow::race(const Access& access, bool writes, Epoch other, bool other_writes,
                  const void* address, std::size_t bytes) {
    if (other == kBarrierCell) {
        fail_text(access.thread, access.caller, "mbarrier overwritten",
                  format("%s of %zu bytes at ", access.what, bytes) +
                      describe_address(access.thread, address) + " which is an mbarrier");
    }
    std::string text =
        format("%s (%s of %zu bytes) at ", access.what, writes ? "write" : "read", bytes) +
        describe_address(access.thread, address) + " races with " +
        (other_writes ? "a write" : "a read") + " by " +
        describe_epoch(access.thread, other, address);
    if (access.async && ordered(access, other, false)) {
        text += "\n  it is ordered, but only in the generic proxy: ";
        text += std::string_view(access.what) == "tensor map" ? "fence.proxy.tensormap.acquire"
                                                              : "fence.proxy.async";
        text += " is missing";
        fail_text(access.thread, access.caller, "proxy race", text);
    }
    text += explain_missed(access.thread, other);
    fail_text(access.thread, access.caller, "race", text);
}

Epoch Shadow::unordered_for_host(const HostView& visible, const void* address, std::size_t bytes,
                                 bool write, const std::uint8_t** at, bool* other_writes) {
    constexpr std::size_t kPage = 4096, kCells = kPage / sizeof(Cell), kPages = 1024;
    std::uint32_t last_space = 0;
    bool last_result = false;
    auto unordered = [&](Epoch e) {
        std::uint32_t space = epoch_space(e);
        if (space != last_space) {
            auto work = work_of_space(space);
            last_space = space;
            last_result = work && !reaches(visible, work->stamp);
        }
        return last_result;
    };
    auto unordered_reader = [&](Epoch r) -> Epoch {
        if (!is_reader_set(r))
            return unordered(r) ? r : 0;
        auto guard = lock();
        auto index = static_cast<std::uint32_t>(r & 0xffffffffu);
        if (index < sets_.size()) {
            for (Epoch e : sets_[index].readers) {
                if (unordered(e))
                    return e;
            }
        }
        return 0;
    };
    auto first = static_cast<std::size_t>(static_cast<const std::uint8_t*>(address) - base_);
    unsigned char resident[kPages];
    Epoch seen_write = 0, seen_read = 0;
    for (std::size_t i = first; i < first + bytes;) {
        // Pages of the shadow that nobody has touched are not looked at.
        std::size_t page = i / kCells, count = (first + bytes - 1) / kCells - page + 1;
        count = std::min(count, kPages);
        if (mincore(cells_ + page * kCells, count * kPage, resident) != 0)
            std::fill_n(resident, count, 1);
        for (std::size_t k = 0; k < count; ++k, i = (page + k) * kCells) {
            if ((resident[k] & 1) == 0)
                continue;
            std::size_t end = std::min((page + k + 1) * kCells, first + bytes);
            for (std::size_t j = i; j < end; ++j) {
                const Epoch w = load(cells_[j].write), r = load(cells_[j].read);
                if (w != seen_write && w != 0 && unordered(w)) {
                    *at = base_ + j;
                    *other_writes = true;
                    return w;
                }
                if (write && r != seen_read && r != 0) {
                    if (Epoch e = unordered_reader(r); e != 0) {
                        *at = base_ + j;
                        *other_writes = false;
                        return e;
                    }
                }
                seen_write = w;
                seen_read = r;
            }
        }
    }
    return 0;
}

void Shadow::clear(const void* address, std::size_t bytes) {
    if (granules_ != nullptr) {
        // Shared memory of a new cluster: the sets of readers of the old one are gone as a whole.
        for_each_run(address, bytes, [&](const Run& run) { fill(run, {0, 0}); });
        return;
    }
    Cell* c = cells_ + (static_cast<const std::uint8_t*>(address) - base_);
    constexpr std::size_t kPage = 4096 / sizeof(Cell);
    auto offset = static_cast<std::size_t>(c - cells_);
    std::size_t first = (offset + kPage - 1) / kPage * kPage,
                last = (offset + bytes) / kPage * kPage;
    drop_readers_between(c, c + bytes);
    if (first >= last || bytes < (1u << 16)) {
        std::fill(c, c + bytes, Cell{0, 0});
        return;
    }
    std::fill(c, cells_ + first, Cell{0, 0});
    madvise(cells_ + first, (last - first) * sizeof(Cell), MADV_DONTNEED);
    std::fill(cells_ + last, c + bytes, Cell{0, 0});
}

void Shadow::mark_barrier(const void* address, std::size_t bytes, bool on) {
    for_each_run(address, bytes, [&](const Run& run) { fill(run, {on ? kBarrierCell : 0, 0}); });
}

} // namespace cudasim
