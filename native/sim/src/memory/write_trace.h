// SPDX-License-Identifier: MIT
// Who wrote which byte, where and in which launch: kept for launches that ask for it, so that a
// wrong result can be traced to the line that stored it, through shared memory if it went there
// first.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace cudasim {

struct Thread;

class WriteTrace {
  public:
    static WriteTrace& instance();

    // The thread has written the bytes, or issued an operation that will.
    void write(const Thread* t, const void* p, std::size_t bytes, const char* what,
               const void* caller);
    // The same where the bytes come from others, whose writers remain known.
    void copy(const Thread* t, const void* to, const void* from, std::size_t bytes,
              const char* what, const void* caller);
    // Nothing is known of the bytes any more: the host has written them, or they are new.
    void forget(const void* p, std::size_t bytes);

    // "by the cp.async.bulk store of block ... at kernel.cu:12, of what block ... stored at
    // kernel.cu:9"; empty if nothing is known.
    std::string describe(const void* p);

  private:
    struct Site {
        std::uint32_t space, slot;
        const void* caller;
        const char* what;
        std::uint32_t source; // another site plus one, 0: none
        bool operator==(const Site&) const = default;
    };
    struct Hash {
        std::size_t operator()(const Site& s) const;
    };
    static constexpr std::size_t kPage = 4096;
    using Page = std::array<std::uint32_t, kPage>; // site plus one of each byte, 0: none

    std::uint32_t number_of(const Site& site);
    std::uint32_t& at(const void* p);
    std::uint32_t find(const void* p) const;
    std::string describe(std::uint32_t number) const;

    std::mutex mutex_;
    std::unordered_map<std::uintptr_t, std::unique_ptr<Page>> pages_;
    std::vector<Site> sites_;
    std::unordered_map<Site, std::uint32_t, Hash> numbers_;
};

// Who wrote a byte of device or page-locked memory last, in words, as far as launches were traced.
std::string describe_last_writer(const void* address);

} // namespace cudasim
