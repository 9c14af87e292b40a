// SPDX-License-Identifier: MIT
// What operations of the host ask of shadow memory, which kernels may be using at the same time.
#include <sys/mman.h>

#include <algorithm>

#include "core/launch.h"
#include "memory/shadow.h"

namespace cudasim {

namespace {
Epoch load(const Epoch& e) { return __atomic_load_n(&e, __ATOMIC_ACQUIRE); }
} // namespace

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
    auto unordered_reader = [&](const Cell& c) -> Epoch {
        std::unique_lock<std::mutex> guard;
        Epoch r = load(c.read);
        if (is_reader_set(r)) {
            guard = lock();
            r = load(c.read); // a kernel may have given the set away
        }
        if (!is_reader_set(r))
            return unordered(r) ? r : 0;
        auto index = static_cast<std::uint32_t>(r & 0xffffffffu);
        if (index < sets_.size()) {
            for (const Reader& reader : sets_[index].readers) {
                if (unordered(reader.epoch))
                    return reader.epoch;
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
                    if (Epoch e = unordered_reader(cells_[j]); e != 0) {
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

} // namespace cudasim
