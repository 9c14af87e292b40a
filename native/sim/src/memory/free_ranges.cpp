// SPDX-License-Identifier: MIT
#include "memory/free_ranges.h"

#include <iterator>

namespace cudasim {

void FreeRanges::add(std::size_t start, std::size_t bytes) {
    if (bytes == 0)
        return;
    bytes_ += bytes;
    std::size_t end = start + bytes;
    auto next = ranges_.lower_bound(start);
    if (next != ranges_.end() && next->first == end) {
        end = next->second;
        next = ranges_.erase(next);
    }
    if (next != ranges_.begin()) {
        auto before = std::prev(next);
        if (before->second == start) {
            before->second = end;
            return;
        }
    }
    ranges_.emplace_hint(next, start, end);
}

std::optional<std::size_t> FreeRanges::take(std::size_t bytes, std::size_t align) {
    for (auto it = ranges_.begin(); it != ranges_.end(); ++it) {
        const auto [start, end] = *it;
        const std::size_t at = (start + align - 1) / align * align;
        if (at < start || at > end || bytes > end - at)
            continue;
        ranges_.erase(it);
        bytes_ -= end - start;
        add(start, at - start);
        add(at + bytes, end - at - bytes);
        return at;
    }
    return std::nullopt;
}

void FreeRanges::move_to(FreeRanges& other) {
    for (const auto& [start, end] : ranges_)
        other.add(start, end - start);
    ranges_.clear();
    bytes_ = 0;
}

} // namespace cudasim
