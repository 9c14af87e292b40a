// SPDX-License-Identifier: MIT
// What strong writes have released at an address, and who may acquire it: release and acquire
// patterns, observation order and scopes of the PTX memory consistency model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "core/view.h"

namespace cudasim {

constexpr int kScopes = 4; // DI_SIM_CTA to DI_SIM_SYS

// A thread, as far as scopes are concerned.
struct Where {
    std::uint32_t space = 0; // its cluster
    std::uint32_t slot = 0;  // in the cluster
    std::uint16_t rank = 0;  // its block
    std::uint16_t device = 0;

    bool same_thread(const Where& o) const { return space == o.space && slot == o.slot; }
};
// The narrowest scope that holds both.
int common_scope(const Where& a, const Where& b);

// What a thread makes visible to whoever acquires it with a scope that fits.
struct Release {
    int scope = 0;
    ViewRef view;
};

// Something that a read came across and could not take.
struct Unreached {
    ViewRef view;
    int release = 0, needed = 0; // scopes
};

// The state of a few bytes within an aligned word of 8.
class SyncVar {
  public:
    std::uint8_t first = 0, end = 0; // bytes of the word
    bool empty() const;

    // A write that reads the value before it (an atomic operation), or one that replaces it.
    void update(const Where& by, int scope, bool atomic);
    void publish(const Where& by, const Release& release);
    // What a read of the newest value with `scope` brings, when the acquire has `acquire_scope`.
    ViewRef collect(const Where& by, int scope, int acquire_scope,
                    std::vector<Unreached>* unreached) const;
    // Takes in the state of other bytes, which one access now covers too.
    void merge(const SyncVar& other);

  private:
    // Released in one scope: by all, and by those that share a narrower scope with the newest.
    struct Released {
        ViewRef all, narrow[kScopes - 1];
        Where by;
    };
    Released released_[kScopes];
    Where last_; // who has written the newest value
    int last_scope_ = 0;
    bool sole_ = false; // all of it is by one thread, last_
};

// By address of the word.
class SyncTable {
  public:
    // Both: of at most 8 bytes that lie in one aligned word.
    void write(std::uint64_t address, std::size_t bytes, const Where& by, int scope, bool atomic,
               const std::vector<Release>& releases);
    template <typename F> void read(std::uint64_t address, std::size_t bytes, F f) const {
        auto it = words_.find(address & ~std::uint64_t{7});
        if (it == words_.end())
            return;
        const std::size_t first = address & 7, end = first + bytes;
        for (const SyncVar& var : it->second) {
            if (var.first < end && first < var.end)
                f(var);
        }
    }
    // Forgets a range of addresses.
    void forget(std::uint64_t address, std::size_t bytes);
    std::size_t size() const { return words_.size(); }

  private:
    std::unordered_map<std::uint64_t, std::vector<SyncVar>> words_;
};

} // namespace cudasim
