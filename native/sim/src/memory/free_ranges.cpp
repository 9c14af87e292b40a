// SPDX-License-Identifier: MIT
#include "memory/free_ranges.h"

#include <iterator>
#include <utility>

namespace cudasim {

void FreeRanges::add(std::size_t start, std::size_t bytes) {
    if (bytes == 0)
        return;
    const std::size_t end = start + bytes;
    const auto next = ranges_.lower_bound(start);
    const bool joins_next = next != ranges_.end() && next->first == end;
    const auto before = next == ranges_.begin() ? ranges_.end() : std::prev(next);
    if (before != ranges_.end() && before->second == start) {
        before->second = joins_next ? next->second : end;
        if (joins_next)
            ranges_.erase(next);
    } else if (joins_next) {
        begin_at(next, start);
    } else {
        ranges_.emplace_hint(next, start, end);
    }
    bytes_ += bytes;
}

std::optional<std::size_t> FreeRanges::take(std::size_t bytes, std::size_t align) {
    for (auto it = ranges_.begin(); it != ranges_.end(); ++it) {
        const auto [start, end] = *it;
        const std::size_t at = (start + align - 1) / align * align;
        if (at < start || at > end || bytes > end - at)
            continue;
        const std::size_t rest = at + bytes;
        if (at == start && rest == end) {
            ranges_.erase(it);
        } else if (at == start) {
            begin_at(it, rest);
        } else {
            if (rest != end)
                ranges_.emplace_hint(std::next(it), rest, end); // before anything is changed
            it->second = at;
        }
        bytes_ -= bytes;
        return at;
    }
    return std::nullopt;
}

void FreeRanges::begin_at(Ranges::iterator it, std::size_t start) {
    auto node = ranges_.extract(it);
    node.key() = start;
    ranges_.insert(std::move(node));
}

void FreeRanges::move_to(FreeRanges& other) {
    while (!ranges_.empty()) {
        const auto [start, end] = *ranges_.begin();
        other.add(start, end - start);
        ranges_.erase(ranges_.begin());
        bytes_ -= end - start;
    }
}

} // namespace cudasim
