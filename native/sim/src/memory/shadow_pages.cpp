// SPDX-License-Identifier: MIT
// What shadow memory occupies: pages of cells and sets of readers, and how they are given back.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "memory/shadow.h"

namespace cudasim {

namespace {

// A power of two; 4,096 bytes on x86-64, up to 65,536 on AArch64.
std::size_t page_cells() {
    static const std::size_t cells = static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) / sizeof(Cell);
    return cells;
}

// The cell where the page of c begins.
Cell* page_of(Cell* c) {
    return c - reinterpret_cast<std::uintptr_t>(c) / sizeof(Cell) % page_cells();
}

Epoch load(const Epoch& e) { return __atomic_load_n(&e, __ATOMIC_ACQUIRE); }
void store(Epoch& e, Epoch value) { __atomic_store_n(&e, value, __ATOMIC_RELEASE); }

// Calls f(begin, end) for the part between first and last of every page that is in memory. Pages
// that nobody has touched hold nothing, and a look would map them.
template <typename F> void each_resident_page(Cell* first, Cell* last, F f) {
    constexpr std::size_t kPages = 1024;
    const std::size_t cells = page_cells();
    unsigned char resident[kPages];
    for (Cell* page = page_of(first); page < last;) {
        const std::size_t pages =
            std::min(kPages, (static_cast<std::size_t>(last - page) + cells - 1) / cells);
        if (mincore(page, pages * cells * sizeof(Cell), resident) != 0)
            std::fill_n(resident, pages, 1);
        for (std::size_t i = 0; i < pages; ++i, page += cells) {
            if ((resident[i] & 1) != 0)
                f(std::max(page, first), std::min(page + cells, last));
        }
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
    constexpr std::size_t kKeptReaders = 64; // so much room a set keeps for its next user
    auto guard = lock();
    free_sets_.clear();
    free_sets_.reserve(sets_.size());
    for (std::size_t i = 0; i < sets_.size(); ++i) {
        sets_[i].references = 0;
        sets_[i].readers.clear();
        if (sets_[i].readers.capacity() > kKeptReaders)
            sets_[i].readers = std::vector<Reader>();
        free_sets_.push_back(static_cast<std::uint32_t>(i));
    }
}

// Writes where there is something to clear only: a read does not make a page of its own.
void Shadow::clear_cells(Cell* begin, Cell* end) {
    drop_readers_between(begin, end);
    for (Cell* c = begin; c < end; ++c) {
        if (load(c->write) != 0)
            store(c->write, 0);
        if (load(c->read) != 0)
            store(c->read, 0);
    }
}

// Addresses of freed memory come back late, if ever: their cells' pages must not wait for that.
void Shadow::clear_pages(Cell* first, Cell* last, bool give_back) {
    Cell *const begin = page_of(first + page_cells() - 1), *const end = page_of(last);
    if (!give_back || begin >= end) {
        clear_cells(first, last);
        return;
    }
    clear_cells(first, begin);
    clear_cells(end, last);
    bool sets;
    {
        auto guard = lock();
        sets = reader_sets() != 0;
    }
    if (sets)
        each_resident_page(begin, end, [&](Cell* c, Cell* e) { drop_readers_between(c, e); });
    if (madvise(begin, static_cast<std::size_t>(end - begin) * sizeof(Cell), MADV_DONTNEED) != 0)
        clear_cells(begin, end);
}

std::size_t Shadow::resident_pages(const void* address, std::size_t bytes) {
    std::size_t count = 0;
    Cell* c = cells_ + (static_cast<const std::uint8_t*>(address) - base_);
    each_resident_page(c, c + bytes, [&](Cell*, Cell*) { ++count; });
    return count;
}

} // namespace cudasim
