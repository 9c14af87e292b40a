// SPDX-License-Identifier: MIT
// What shadow memory occupies: pages of cells and sets of readers, and how they are given back.
#include <sys/mman.h>

#include <algorithm>

#include "memory/shadow.h"

namespace cudasim {

namespace {

constexpr std::size_t kPageBytes = 4096, kPageCells = kPageBytes / sizeof(Cell);

Epoch load(const Epoch& e) { return __atomic_load_n(&e, __ATOMIC_ACQUIRE); }
void store(Epoch& e, Epoch value) { __atomic_store_n(&e, value, __ATOMIC_RELEASE); }

// Calls f(begin, end) for the part between first and last of every page that is in memory. Pages
// that nobody has touched hold nothing, and a look would map them. Whole pages for which f returns
// true are given back to the machine, and are zero from then on.
template <typename F> void each_resident_page(Cell* first, Cell* last, F f) {
    constexpr std::size_t kPages = 1024;
    unsigned char resident[kPages];
    Cell* page = first - reinterpret_cast<std::uintptr_t>(first) % kPageBytes / sizeof(Cell);
    while (page < last) {
        const std::size_t pages =
            std::min(kPages, (static_cast<std::size_t>(last - page) + kPageCells - 1) / kPageCells);
        if (mincore(page, pages * kPageBytes, resident) != 0)
            std::fill_n(resident, pages, 1);
        Cell* given = page; // from here to the page in hand all go back together
        for (std::size_t i = 0; i < pages; ++i, page += kPageCells) {
            Cell *const begin = std::max(page, first), *const end =
                                                           std::min(page + kPageCells, last);
            const bool whole = end - begin == kPageCells;
            if ((resident[i] & 1) != 0 && f(begin, end) && whole)
                continue;
            if (given != page)
                madvise(given, static_cast<std::size_t>(page - given) * sizeof(Cell),
                        MADV_DONTNEED);
            given = page + kPageCells;
        }
        if (given < page)
            madvise(given, static_cast<std::size_t>(page - given) * sizeof(Cell), MADV_DONTNEED);
    }
}

} // namespace

void Shadow::drop_readers(Epoch readers, std::uint32_t run) {
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

void Shadow::drop_readers_between(Cell* begin, Cell* end) {
    for (Cell* c = begin; c < end; ++c) {
        if (!is_reader_set(load(c->read)))
            continue;
        auto guard = lock();
        if (const Epoch r = load(c->read); is_reader_set(r)) {
            drop_readers(r, 1);
            store(c->read, 0);
        }
    }
}

void Shadow::forget_readers() {
    constexpr std::size_t kKeptSets = 1024; // as much as their memory may be kept for the next user
    auto guard = lock();
    free_sets_.clear();
    if (sets_.size() > kKeptSets) {
        sets_ = std::vector<ReaderSet>();
        free_sets_ = std::vector<std::uint32_t>();
        return;
    }
    for (std::size_t i = 0; i < sets_.size(); ++i) {
        sets_[i].references = 0;
        sets_[i].readers.clear();
        free_sets_.push_back(static_cast<std::uint32_t>(i));
    }
}

// Addresses of freed memory come back late, if ever: their cells' pages must not wait for that.
void Shadow::clear_pages(Cell* first, std::size_t count) {
    bool sets;
    {
        auto guard = lock();
        sets = reader_sets() != 0;
    }
    each_resident_page(first, first + count, [&](Cell* begin, Cell* end) {
        if (sets)
            drop_readers_between(begin, end);
        if (end - begin != kPageCells) {
            for (Cell* c = begin; c < end; ++c) {
                store(c->write, 0);
                store(c->read, 0);
            }
        }
        return true;
    });
}

std::size_t Shadow::resident_pages(const void* address, std::size_t bytes) {
    std::size_t count = 0;
    Cell* c = cells_ + (static_cast<const std::uint8_t*>(address) - base_);
    each_resident_page(c, c + bytes, [&](Cell*, Cell*) {
        ++count;
        return false;
    });
    return count;
}

} // namespace cudasim
