// SPDX-License-Identifier: MIT
// Shadow memory: for every byte who wrote it last and who has read it since. Sixteen bytes of
// shadow per byte, mapped lazily, so that only memory that kernels touch costs anything. Memory of
// one host thread has a second level: a cell per granule of 16 bytes, which stands for those of its
// bytes as long as they are the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/view.h"

namespace cudasim {

struct Thread;
struct Stamp;

struct Cell {
    Epoch write; // 0: never written
    Epoch read;  // 0: not read since; an index with kReaderSet: several readers
};
constexpr Epoch kReaderSet = Epoch{0xfffffff} << 36;
constexpr Epoch kBarrierCell = Epoch{0xffffffe} << 36; // the bytes hold an mbarrier
constexpr Epoch kMixed = ~Epoch{0}; // written to a granule whose bytes' own cells count
constexpr std::size_t kGranule = 16;
inline bool is_reader_set(Epoch e) { return e >= kReaderSet; }

// How a strong access is done, for the question whether two of them are morally strong: scope (bits
// 0 and 1), size of an element (bits 2 to 4: its logarithm, 7 when it is not known), async proxy
// (bit 5).
using Strength = std::uint8_t;
constexpr Strength make_strength(int scope, std::size_t element, bool async) {
    unsigned size = element == 0 ? 7u : static_cast<unsigned>(__builtin_ctzll(element));
    return static_cast<Strength>(static_cast<unsigned>(scope) | size << 2 | (async ? 32u : 0u));
}

// One access to a run of bytes.
struct Access {
    Thread* thread;      // who does it, or issued it
    const void* caller;  // device code, for reports
    Epoch epoch;         // what to leave behind
    bool strong = false; // atomics, volatile, loads and stores with an order
    Strength strength = 0;
    bool async = false; // by the async proxy: generic writes need a proxy fence first
    bool tolerate_uninitialised = false;
    const char* what = "access";
    // Collective operations: what a lane has seen besides the issuing thread's own accesses, which
    // do not count because the other lanes take part too. Used when `collective` is set.
    bool collective = false;
    const View* view = nullptr;
};

class Shadow {
  public:
    // bytes of memory at base; shared says whether several host threads use it.
    Shadow(const void* base, std::size_t bytes, bool shared);
    ~Shadow();
    Shadow(const Shadow&) = delete;
    Shadow& operator=(const Shadow&) = delete;

    // Reports (and does not return) when the access is not ordered after what it must be.
    void read(const Access& access, const void* address, std::size_t bytes);
    void write(const Access& access, const void* address, std::size_t bytes);

    // The first access that an operation of the host conflicts with and cannot see; 0 if none.
    Epoch unordered_for_host(const std::vector<std::uint64_t>& visible, const void* address,
                             std::size_t bytes, bool write, const std::uint8_t** at,
                             bool* other_writes);

    // Who wrote a byte last; 0: nobody.
    Epoch last_write(const void* address) const {
        auto offset = static_cast<std::size_t>(static_cast<const std::uint8_t*>(address) - base_);
        if (granules_ != nullptr && granules_[offset / kGranule].write != kMixed)
            return granules_[offset / kGranule].write;
        return __atomic_load_n(&cells_[offset].write, __ATOMIC_RELAXED);
    }
    // Forgets everything about a range; it counts as never written. give_back: whole pages of cells
    // go back to the machine, which costs more than to overwrite few of them.
    void clear(const void* address, std::size_t bytes, bool give_back = true);
    // Gives up the sets of readers of all cells, which must be cleared before they are used again.
    void forget_readers();
    // Sets that cells refer to.
    std::size_t reader_sets() const { return sets_.size() - free_sets_.size(); }
    // Pages of a range's cells that are in memory.
    std::size_t resident_pages(const void* address, std::size_t bytes);
    // Bytes become (or stop being) an mbarrier.
    void mark_barrier(const void* address, std::size_t bytes, bool on);

  private:
    struct Reader {
        Epoch epoch;
        Strength strength; // of strong ones
    };
    struct ReaderSet {
        std::uint32_t references = 0;
        std::vector<Reader> readers;
    };
    // Beside the cell of a byte: how its last strong write and its last strong read were done.
    struct Strengths {
        Strength write, read;
    };

    // A run of cells that stand for unit bytes each, from address at on, within an access.
    struct Run {
        Cell* cells;
        std::size_t count, unit;
        const std::uint8_t* at;
    };

    // Calls f with the runs that make up a range.
    template <typename F> void for_each_run(const void* address, std::size_t bytes, F f);
    // The bytes' own cells of granules that are all mixed.
    Run bytes_of(const Run& run, std::size_t first, std::size_t count) const;
    void mix(std::size_t granule);
    void read_run(const Access& access, const Run& run, std::size_t bytes);
    void write_run(const Access& access, const Run& run, std::size_t bytes);
    void fill(const Run& run, Cell value);
    // Of bytes whose cells are equal, those at the beginning with equal strengths; counted in
    // cells.
    std::size_t equal_strengths(const Run& run, std::size_t first, std::size_t count) const;
    Strengths* strengths_at(const std::uint8_t* at) const { return strengths_ + (at - base_); }

    // A set belongs to the cells that refer to it: another host thread may give it away as soon as
    // it changes these. Whoever adds to a set or drops one holds the lock from a look at the cells
    // until they are changed.
    std::uint32_t take_set(std::uint32_t references);
    // The one reader of so many cells before, and the access's.
    Epoch add_reader(const Access& access, Reader old, std::uint32_t run);
    Epoch add_to_set(const Access& access, Epoch old, std::uint32_t run);
    // One of a set that a write conflicts with and is not ordered after; its epoch is 0 if none.
    Reader unordered_reader(const Access& access, Epoch readers) const;
    // Against one access that it conflicts with.
    void check_pair(const Access& access, bool writes, Reader other, bool other_writes,
                    const void* address, std::size_t bytes);
    void drop_readers(Epoch readers, std::uint32_t run);
    void drop_readers_between(Cell* begin, Cell* end);
    void clear_cells(Cell* begin, Cell* end);
    void clear_pages(Cell* first, Cell* last, bool give_back);
    [[noreturn]] void race(const Access& access, bool writes, Reader other, bool other_writes,
                           const void* address, std::size_t bytes);
    std::unique_lock<std::mutex> lock() {
        return shared_ ? std::unique_lock<std::mutex>(mutex_) : std::unique_lock<std::mutex>();
    }

    const std::uint8_t* base_;
    std::size_t bytes_;
    bool shared_;
    Cell* cells_;
    Cell* granules_ = nullptr; // null when several host threads use the memory
    Strengths* strengths_ = nullptr;
    std::mutex mutex_;
    std::vector<ReaderSet> sets_;
    std::vector<std::uint32_t> free_sets_;
};

// Why two strong accesses are not morally strong, so that they race unless they are ordered.
enum class Weakness : std::uint8_t {
    None,
    Scope, // one does not include the other's thread
    Size,  // they overlap in part
    Proxy  // one of them only is in the async proxy
};
Weakness weakness(const Access& access, Epoch other, Strength strength);
// The same in words, on a new line; empty if they are morally strong.
std::string describe_weakness(const Access& access, Epoch other, Strength strength);

// True if what an epoch stands for happened before thread t's next operation (in the async proxy).
bool happened_before(const Thread* t, Epoch e, bool async);
// The same for what a view holds, without the thread's own accesses.
bool view_covers(const Thread* t, const View* view, Epoch e, bool async);
// The same for work of the host or another launch, by its place in the order of streams.
bool stamp_covers(const Thread* t, const View* view, const Stamp& stamp);

} // namespace cudasim
