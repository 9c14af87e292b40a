// SPDX-License-Identifier: MIT
// The memory of the simulated devices: one reserved address range, equal parts per device, with red
// zones between allocations and late reuse of freed ones. Backed by a memory file per device, so
// that another process can map an allocation (IPC).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include "memory/free_ranges.h"
#include "memory/shadow.h"

namespace cudasim {

constexpr int kMaxDevices = 8;

struct Allocation {
    std::uint8_t* base = nullptr;
    std::size_t bytes = 0;
    std::size_t reserved = 0; // of the addresses from region on, with the red zone
    int device = 0;
    bool freed = false;
    bool imported = false;          // of another process
    bool exported = false;          // another process may use it
    bool pooled = false;            // stream-ordered: access of peers is the pool's matter
    std::uint8_t* region = nullptr; // before base where imported memory begins within a page

    // Memory that processes share has no shadow: what another process does is not seen.
    bool unchecked() const { return imported || exported; }
};

class DeviceHeap {
  public:
    static DeviceHeap& instance();

    int device_count() const { return devices_; }
    std::size_t device_bytes() const { return device_bytes_; }
    std::size_t used_bytes(int device) const;

    bool contains(const void* p) const {
        return static_cast<std::size_t>(static_cast<const std::uint8_t*>(p) - base_) < total_bytes_;
    }
    // Null when there is no room. The contents are the byte 0xff (NaN in every floating type).
    std::uint8_t* allocate(int device, std::size_t bytes, bool pooled = false);
    // False if p is not the base of a live allocation; found (optional) gets what there was.
    bool free(void* p, Allocation* found = nullptr);
    // The live or freed allocation that holds p.
    bool find(const void* p, Allocation* result) const;
    // The allocation at or before p that is nearest.
    bool nearest(const void* p, Allocation* result) const;
    // Counts changes: caches of find are valid while it stays the same.
    std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
    void touch() { generation_.fetch_add(1, std::memory_order_acq_rel); }
    // Other processes may use the allocation from now on.
    void mark_exported(const void* base);

    // For IPC: the file behind a device and the offset of an address in it.
    int file_of(int device) const { return files_[device]; }
    std::size_t offset_of(const void* p) const {
        return static_cast<std::size_t>(static_cast<const std::uint8_t*>(p) - base_) %
               device_bytes_;
    }
    // Maps another process's memory in place of fresh memory of a device; null on failure.
    std::uint8_t* import(int device, int file, std::size_t offset, std::size_t bytes);

    Shadow& shadow() { return *shadow_; }

  private:
    DeviceHeap();
    std::uint8_t* reserve(int device, std::size_t bytes, std::size_t align);
    void give_back(int device, const std::uint8_t* region, std::size_t bytes);

    int devices_ = 1;
    std::size_t device_bytes_ = 0, total_bytes_ = 0;
    std::uint8_t* base_ = nullptr;
    int files_[kMaxDevices] = {};
    FreeRanges fresh_[kMaxDevices];  // offsets that were never used
    FreeRanges unused_[kMaxDevices]; // those that were, and are out of quarantine
    std::size_t used_[kMaxDevices] = {};
    std::unique_ptr<Shadow> shadow_;
    mutable std::shared_mutex mutex_;
    std::map<const std::uint8_t*, Allocation> allocations_;
    std::deque<const std::uint8_t*> quarantine_[kMaxDevices];
    std::atomic<std::uint64_t> generation_{1};
};

} // namespace cudasim
