// SPDX-License-Identifier: MIT
#include "tensor/register_watch.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "core/report.h"

namespace cudasim {

namespace {
std::mutex spare_mutex;
std::vector<std::unique_ptr<RegisterWatch>>& spare_watches() {
    static auto* spare = new std::vector<std::unique_ptr<RegisterWatch>>;
    return *spare;
}
} // namespace

RegisterWatch* RegisterWatch::take() {
    std::lock_guard<std::mutex> lock(spare_mutex);
    auto& spare = spare_watches();
    if (spare.empty())
        return new RegisterWatch;
    RegisterWatch* watch = spare.back().release();
    spare.pop_back();
    return watch;
}

void RegisterWatch::give_back() {
    constexpr std::size_t kMostSpare = 1024;
    std::unique_ptr<RegisterWatch> own(this);
    uses_.clear();
    find_hull();
    std::lock_guard<std::mutex> lock(spare_mutex);
    if (spare_watches().size() < kMostSpare)
        spare_watches().push_back(std::move(own));
}

void RegisterWatch::fence() {
    touched_ = false;
    if (++now_ != 0)
        return;
    now_ = 1;
    std::fill(log_.begin(), log_.end(), std::uint8_t{0});
}

void RegisterWatch::access(Thread* t, const std::uint8_t* at, std::size_t bytes, bool write,
                           const void* caller) {
    touched_ = true;
    auto first = static_cast<std::size_t>(at - t->stack.low) / kWord;
    auto last = static_cast<std::size_t>(at + bytes - 1 - t->stack.low) / kWord;
    for (std::size_t i = first; i <= last; ++i)
        log_[i] = now_;
    if (at >= high_ || at + bytes <= low_)
        return;
    for (const Use& use : uses_) {
        // Nothing changes the fragment of A that an operation may still read but a write.
        if (at < use.high && at + bytes > use.low && (write || use.accumulator))
            fail_in_flight(t, use, at, bytes, write, caller);
    }
}

void RegisterWatch::fail_in_flight(Thread* t, const Use& use, const std::uint8_t* at,
                                   std::size_t bytes, bool write, const void* caller) const {
    const std::uint8_t* from = std::max(at, use.low);
    fail_text(t, caller, "registers of wgmma in flight",
              format("%s of %zu bytes: register %zu of %s belongs to a wgmma that "
                     "wgmma.wait_group has not waited for, issued\n    at ",
                     write ? "write" : "read", bytes,
                     static_cast<std::size_t>(from - use.low) / kWord,
                     use.accumulator ? "the accumulator" : "A's fragment") +
                  place_of(use.caller));
}

bool RegisterWatch::touched(const Thread* t, const void* p, std::size_t bytes,
                            std::size_t* index) const {
    const auto* at = static_cast<const std::uint8_t*>(p);
    if (!touched_ || at < t->stack.low || at + bytes > t->stack.high)
        return false;
    const std::uint8_t* log = log_.data() + static_cast<std::size_t>(at - t->stack.low) / kWord;
    const void* found = std::memchr(log, now_, bytes / kWord);
    if (found == nullptr)
        return false;
    *index = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - log);
    return true;
}

bool RegisterWatch::in_flight(const float* d) const {
    const auto* low = reinterpret_cast<const std::uint8_t*>(d);
    for (const Use& use : uses_)
        if (use.low == low && use.accumulator)
            return true;
    return false;
}

void RegisterWatch::use(const void* p, std::size_t bytes, bool accumulator, std::uint32_t group,
                        const void* caller) {
    const auto* low = static_cast<const std::uint8_t*>(p);
    for (Use& use : uses_) {
        if (use.low == low && use.accumulator == accumulator) {
            use.group = group;
            use.caller = caller;
            return;
        }
    }
    uses_.push_back({low, low + bytes, accumulator, group, caller});
    find_hull();
}

void RegisterWatch::release(std::uint32_t group) {
    std::erase_if(uses_, [&](const Use& use) { return use.group <= group; });
    find_hull();
}

void RegisterWatch::find_hull() {
    low_ = high_ = nullptr;
    for (const Use& use : uses_) {
        low_ = low_ == nullptr ? use.low : std::min(low_, use.low);
        high_ = std::max(high_, use.high);
    }
}

} // namespace cudasim
