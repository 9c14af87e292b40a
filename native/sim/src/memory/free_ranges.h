// SPDX-License-Identifier: MIT
// Unused parts of a range of addresses: joined with their neighbours when they come back, split
// when a piece of one is taken, so that nothing is lost: also not when there is no memory for that,
// which throws before anything has changed.
#pragma once

#include <cstddef>
#include <map>
#include <optional>

namespace cudasim {

class FreeRanges {
  public:
    // [start, start + bytes) is unused from now on. It must not overlap with what is unused
    // already.
    void add(std::size_t start, std::size_t bytes);
    // The lowest place for so many bytes at a multiple of align (a power of two), which is then in
    // use; nothing if there is none.
    std::optional<std::size_t> take(std::size_t bytes, std::size_t align);

    // Everything becomes part of another one.
    void move_to(FreeRanges& other);

    std::size_t bytes() const { return bytes_; }
    std::size_t count() const { return ranges_.size(); }

  private:
    using Ranges = std::map<std::size_t, std::size_t>;
    void begin_at(Ranges::iterator it, std::size_t start); // without memory

    Ranges ranges_; // start to end; no two touch
    std::size_t bytes_ = 0;
};

} // namespace cudasim
