// SPDX-License-Identifier: MIT
// What the host does with memory that kernels use: copies, fills, stream-ordered allocation and
// release, and accesses of the host program that it declares. Each has a place in the order of all
// work; two operations that touch the same bytes, one of them writing, must be ordered.
//
// Kernels leave an epoch per byte (Shadow). Operations of the host cover long ranges, so that a
// list of the last ones per allocation stands for them: a kernel's access looks at the list only
// where there is an entry that its launch cannot see.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/launch.h"
#include "memory/shadow.h"

namespace cudasim {

// Who operates: a place in the order, what is visible there, and a name for reports.
struct HostAgent {
    Stamp stamp;
    HostView visible;
    std::string name; // "copy", "fill", ...
    int device = 0;
};

// Rows of `width` bytes, `pitch` apart.
struct HostRange {
    const std::uint8_t* start = nullptr;
    std::size_t width = 0, height = 1, pitch = 0;

    const std::uint8_t* end() const { return start + (height - 1) * pitch + width; }
    bool overlaps(const std::uint8_t* low, const std::uint8_t* high) const;
    bool overlaps(const HostRange& other) const;
    bool covers(const HostRange& other) const;
};

struct HostRecord {
    HostRange range;
    Stamp stamp;
    bool write = false;
    std::string name;
};

// Thrown where an operation of the host is not ordered after what it must be, or not allowed.
struct HostFault {
    Report report;
};

// An operation reads or writes a range: checks it against everything before, and remembers it.
// Ranges that are neither device nor page-locked memory are ignored; checks off: only bounds.
void host_access(const HostAgent& agent, const HostRange& range, bool write, bool checks);

// Work of the host on an allocation (by its base) that is not visible to a launch.
std::vector<HostRecord> host_records_unseen(const void* base, const HostView& visible);
void forget_host_records(const void* base);

// "copy (stream 2, operation 7)".
std::string describe_host_work(const std::string& name, const Stamp& stamp);

} // namespace cudasim
