// SPDX-License-Identifier: MIT
#include "memory/shadow.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "core/launch.h"
#include "core/model.h"
#include "core/report.h"
#include "memory/explain.h"

namespace cudasim {

namespace {

// Of global memory that everybody reads and nobody writes only so many readers are kept.
constexpr std::size_t kMaxReaders = 2048;
constexpr std::size_t kMaxSharedReaders = 12;

Epoch load(const Epoch& e) { return __atomic_load_n(&e, __ATOMIC_RELAXED); }
void store(Epoch& e, Epoch value) { __atomic_store_n(&e, value, __ATOMIC_RELAXED); }
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

Shadow::Shadow(const void* base, std::size_t bytes, bool shared)
    : base_(static_cast<const std::uint8_t*>(base)), bytes_(bytes), shared_(shared) {
    void* map = mmap(nullptr, bytes * sizeof(Cell), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
        throw std::bad_alloc();
    cells_ = static_cast<Cell*>(map);
}

Shadow::~Shadow() { munmap(cells_, bytes_ * sizeof(Cell)); }

void Shadow::read(const Access& access, const void* address, std::size_t bytes) {
    Cell* c = cell(address);
    const Epoch mine = access.epoch;
    for (std::size_t i = 0; i < bytes;) {
        const Epoch w = load(c[i].write), r = load(c[i].read);
        std::size_t end = i + 1;
        while (end < bytes && load(c[end].write) == w && load(c[end].read) == r)
            ++end;
        const auto* at = static_cast<const std::uint8_t*>(address) + i;
        if (w == 0) {
            if (!access.tolerate_uninitialised) {
                fail_text(access.thread, access.caller, "uninitialised read",
                          format("%s of %zu bytes at ", access.what, bytes) +
                              describe_address(access.thread, at) + " that nobody has written");
            }
        } else if (!(access.strong && epoch_strong(w)) && !ordered(access, w, access.async)) {
            race(access, false, w, true, at, bytes);
        }
        if (r != mine) {
            Epoch next = mine;
            if (r != 0)
                next = add_reader(access, r, static_cast<std::uint32_t>(end - i));
            for (std::size_t k = i; k < end; ++k)
                store(c[k].read, next);
        }
        i = end;
    }
}

void Shadow::write(const Access& access, const void* address, std::size_t bytes) {
    Cell* c = cell(address);
    for (std::size_t i = 0; i < bytes;) {
        const Epoch w = load(c[i].write), r = load(c[i].read);
        std::size_t end = i + 1;
        while (end < bytes && load(c[end].write) == w && load(c[end].read) == r)
            ++end;
        const auto* at = static_cast<const std::uint8_t*>(address) + i;
        if (w != 0 && w != access.epoch && !(access.strong && epoch_strong(w)) &&
            !ordered(access, w, access.async)) {
            race(access, true, w, true, at, bytes);
        }
        if (r != 0) {
            check_readers(access, r, at, bytes);
            if (is_reader_set(r))
                drop_readers(r, static_cast<std::uint32_t>(end - i));
        }
        for (std::size_t k = i; k < end; ++k) {
            store(c[k].write, access.epoch);
            store(c[k].read, 0);
        }
        i = end;
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
        text += "\n  it is ordered, but only in the generic proxy: fence.proxy.async is missing";
        fail_text(access.thread, access.caller, "proxy race", text);
    }
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
    Cell* c = cell(address);
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
    Cell* c = cell(address);
    for (std::size_t i = 0; i < bytes; ++i)
        c[i] = {on ? kBarrierCell : 0, 0};
}

bool Shadow::initialised(const void* address, std::size_t bytes) const {
    const Cell* c = cell(address);
    return std::all_of(c, c + bytes, [](const Cell& x) { return load(x.write) != 0; });
}

} // namespace cudasim
