// SPDX-License-Identifier: MIT
// What all asynchronous copies share.
#pragma once

#include <cstdint>
#include <memory>

#include "async/mbarrier.h"
#include "core/model.h"

namespace cudasim {

// The last thread of a block exits: nothing in flight may still use its shared memory.
void check_block_exit(Thread* t);
// A thread exits: its bulk stores must have read their sources.
void check_thread_exit(Thread* t);

// The barrier that an asynchronous copy completes on, which must be visible to the async proxy.
Mbarrier& copy_barrier(Thread* t, std::uint32_t address, const char* what, const void* caller);

// An asynchronous copy completes on an mbarrier of the block that its destination is in.
void require_barrier_beside(Thread* t, std::uint32_t destination, std::uint32_t barrier,
                            const char* what, const void* caller);
// The last thread of a block exits: somebody in it must know that the copies that it sent to other
// blocks have read its shared memory.
void check_sent_copies(Thread* t);

// The same shared address in the block with another rank.
inline std::uint32_t at_rank(std::uint32_t address, unsigned rank) {
    return (address & ((1u << kRankShift) - 1)) | rank << kRankShift;
}

// A copy whose destination is shared memory and that completes on an mbarrier.
class BarrierCopy : public AsyncOp {
  public:
    BarrierCopy(Thread* issuer, Mbarrier& bar, std::int64_t bytes, const void* caller)
        : issuer_(issuer), bar_(bar), phase_(bar.phase), bytes_(bytes), caller_(caller) {
        kind = AgentKind::Mbarrier;
        writes_shared = bar.block;
    }
    void run() final;
    // What the copied bytes are stamped with.
    Epoch epoch() const;

  protected:
    virtual void copy() = 0;

  private:
    Thread* issuer_;
    Mbarrier& bar_;
    std::uint32_t phase_;
    std::int64_t bytes_;
    const void* caller_;
};

// True if a bulk reduction into global memory has this operation on elements of this type.
bool reduces_in_global(int op, int type);
// A fence between the generic proxy and others, for the thread that has called it.
void fence_proxy(Thread* t);

// Slots and epochs of a thread's bulk stores.
Epoch bulk_read_epoch(Thread* t);
Epoch bulk_write_epoch(Thread* t);

} // namespace cudasim
