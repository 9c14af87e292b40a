// SPDX-License-Identifier: MIT
// Vector clocks. An agent is whatever performs accesses: a thread, the bulk copies that complete on
// one mbarrier, one thread's cp.async copies, a warpgroup's tensor-core operations. Agents are
// numbered
// ("slots") within a space; a cluster of blocks is one space and so is one copy made by the host.
//
// A view is an immutable snapshot of what happened before some point: per slot of its own space the
// clock that has been seen, and the clock that a proxy fence has made visible to the async proxy
// (seen by definition for agents that are themselves in the async proxy). What was seen of other
// spaces hangs below as views of those spaces. Threads share views: after a barrier every thread
// points to the same one, and a thread's own clock is kept beside it, in the thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

namespace cudasim {

// When and by whom a byte was accessed: space 28 bits, slot 15, clock 20, strong 1 (lowest).
using Epoch = std::uint64_t;
constexpr unsigned kSlotBits = 15, kClockBits = 20;
constexpr std::uint32_t kMaxClock = (1u << kClockBits) - 1;
constexpr std::uint32_t kMaxSlots = 1u << kSlotBits;
constexpr std::uint32_t kMaxSpace = (1u << 28) - 2; // all ones marks a set of readers

constexpr Epoch make_epoch(std::uint32_t space, std::uint32_t slot, std::uint32_t clock,
                           bool strong) {
    return (Epoch{space} << 36) | (Epoch{slot} << 21) | (Epoch{clock} << 1) | (strong ? 1 : 0);
}
constexpr std::uint32_t epoch_space(Epoch e) { return static_cast<std::uint32_t>(e >> 36); }
constexpr std::uint32_t epoch_slot(Epoch e) { return (e >> 21) & (kMaxSlots - 1); }
constexpr std::uint32_t epoch_clock(Epoch e) { return (e >> 1) & kMaxClock; }
constexpr bool epoch_strong(Epoch e) { return (e & 1) != 0; }

class View;

// A counted reference to a view.
class ViewRef {
  public:
    ViewRef() = default;
    explicit ViewRef(View* view) : view_(view) {} // adopts the count of 1 of a new view
    ViewRef(const ViewRef& other);
    ViewRef(ViewRef&& other) noexcept : view_(std::exchange(other.view_, nullptr)) {}
    ViewRef& operator=(ViewRef other) noexcept {
        std::swap(view_, other.view_);
        return *this;
    }
    ~ViewRef();

    const View* get() const { return view_; }
    const View* operator->() const { return view_; }
    explicit operator bool() const { return view_ != nullptr; }

  private:
    View* view_ = nullptr;
};

struct Foreign {
    std::uint32_t space;
    ViewRef view;
};

class View {
  public:
    std::uint32_t seen(std::uint32_t slot) const { return slot < size() ? seen_[slot] : 0; }
    std::uint32_t fenced(std::uint32_t slot) const { return slot < size() ? fenced_[slot] : 0; }
    std::uint32_t size() const { return static_cast<std::uint32_t>(seen_.size()); }
    const View* foreign(std::uint32_t space) const;
    const std::vector<Foreign>& foreigners() const { return foreign_; }
    std::uint32_t space() const { return space_; }
    std::uint64_t id() const { return id_; }

    // True if the view with this id went into this one.
    bool contains(std::uint64_t id) const {
        return id == id_ || id == 0 || id == parents_[0] || id == parents_[1];
    }

  private:
    friend class ViewRef;
    friend class ViewBuilder;

    std::atomic<std::uint32_t> references_{1};
    std::uint32_t space_ = 0;
    std::uint64_t id_ = 0;
    std::uint64_t parents_[2] = {0, 0};
    std::vector<std::uint32_t> seen_, fenced_;
    std::vector<Foreign> foreign_; // sorted by space
};

// Collects views and single clocks, for a synchronisation object or while joining.
class ViewBuilder {
  public:
    explicit ViewBuilder(std::uint32_t space = 0) : space_(space) {}

    std::uint32_t space() const { return space_; }
    bool empty() const { return seen_.empty() && foreign_.empty(); }
    void clear();
    void reset(std::uint32_t space) {
        clear();
        space_ = space;
    }

    // What view holds, of its own space and of others.
    void add(const View* view);
    // One agent's clocks in the builder's own space.
    void add_clock(std::uint32_t slot, std::uint32_t seen, std::uint32_t fenced);
    // Everything seen becomes visible to the async proxy.
    void fence_all();
    ViewRef freeze() const;

  private:
    void add_arrays(const View* view);
    void add_foreign(std::uint32_t space, const ViewRef& view);

    std::uint32_t space_;
    std::vector<std::uint32_t> seen_, fenced_;
    std::vector<Foreign> foreign_;
    std::uint64_t recent_[2] = {0, 0}; // ids of the views added last
};

// The join of a and b for a thread of the given space; either may be null.
ViewRef join_views(std::uint32_t space, const ViewRef& a, const ViewRef& b);

} // namespace cudasim
