// SPDX-License-Identifier: MIT
// Bulk copies and reductions from a block's shared memory to that of a block of its cluster.
#include <cstring>

#include "async/bulk.h"
#include "core/report.h"
#include "core/window.h"
#include "core/worker.h"
#include "memory/access.h"
#include "memory/atomic_math.h"
#include "memory/write_trace.h"

namespace cudasim {
namespace {

class CopyBetweenBlocks final : public BarrierCopy {
  public:
    CopyBetweenBlocks(Thread* t, Mbarrier& bar, std::uint8_t* to, const std::uint8_t* from,
                      unsigned bytes, int op, int type, const void* caller)
        : BarrierCopy(t, bar, bytes, caller), to_(to), from_(from), bytes_(bytes), op_(op),
          type_(type) {
        owner = t;
        reads_shared = true;
    }

  protected:
    void copy() override {
        if (op_ < 0) {
            std::memcpy(to_, from_, bytes_);
            return;
        }
        auto size = static_cast<unsigned>(atomic_bytes(type_));
        for (unsigned i = 0; i < bytes_; i += size) {
            std::uint64_t value = 0;
            std::memcpy(&value, from_ + i, size);
            atomic_apply(op_, type_, to_ + i, value, 0);
        }
    }

  private:
    std::uint8_t* to_;
    const std::uint8_t* from_;
    unsigned bytes_;
    int op_, type_;
};

// What cp.reduce.async.bulk has for shared memory.
bool reduces_in_shared(int op, int type) {
    switch (op) {
    case DI_SIM_AND:
    case DI_SIM_OR:
    case DI_SIM_XOR:
    case DI_SIM_INC:
    case DI_SIM_DEC:
        return type == DI_SIM_U32;
    case DI_SIM_MIN:
    case DI_SIM_MAX:
        return type == DI_SIM_U32 || type == DI_SIM_S32;
    case DI_SIM_ADD:
        return type == DI_SIM_U32 || type == DI_SIM_S32 || type == DI_SIM_U64;
    default:
        return false;
    }
}

void between_blocks(Thread* t, std::uint32_t destination, std::uint32_t source, unsigned bytes,
                    std::uint32_t barrier, int op, int type, const void* caller) {
    const char* what = op < 0 ? "cp.async.bulk between blocks" : "cp.reduce.async.bulk";
    if (bytes == 0 || bytes % 16 != 0) {
        fail(t, caller, "misaligned address", "%s of %u bytes: the size must be a multiple of 16",
             what, bytes);
    }
    const std::uint8_t* from = own_shared_pointer(t, source, bytes, 16, what, caller);
    std::uint8_t* to = shared_pointer(t, destination, bytes, 16, what, caller);
    require_barrier_beside(t, destination, barrier, what, caller);
    Mbarrier& bar = copy_barrier(t, barrier, what, caller);
    auto copy = std::make_unique<CopyBetweenBlocks>(t, bar, to, from, bytes, op, type, caller);
    const bool reduces = op >= 0;
    AccessFlags read;
    read.async = true;
    read.what = what;
    check_access_as(t, copy->epoch(), from, bytes, read, caller);
    AccessFlags write = read;
    write.write = true;
    // Reductions of other copies may meet here; a plain copy may not.
    write.strong = reduces;
    check_access_as(t, copy->epoch() | (reduces ? 1 : 0), to, bytes, write, caller);
    if (t->block->trace)
        WriteTrace::instance().copy(t, to, from, bytes, what, caller);
    if (!reduces)
        std::memset(to, 0xff, bytes);
    if (t->block->checks && bar.block != t->block)
        t->block->sent.push_back({bar.slot, bar.phase + 1});
    worker_of(t).issue(cluster_of(t), std::move(copy));
    worker_of(t).maybe_yield(t);
}

} // namespace

void require_barrier_beside(Thread* t, std::uint32_t destination, std::uint32_t barrier,
                            const char* what, const void* caller) {
    if (rank_of_address(destination) == rank_of_address(barrier))
        return;
    fail(t, caller, "address of another block",
         "%s: the destination (shared address 0x%x) is in block rank %u and the mbarrier (0x%x) in "
         "block rank %u; the mbarrier must be in the block that the bytes go to",
         what, destination, rank_of_address(destination), barrier, rank_of_address(barrier));
}

void check_sent_copies(Thread* t) {
    const Block& block = *t->block;
    for (const SentCopy& copy : block.sent) {
        bool seen = false;
        for (const Thread& other : block.threads)
            seen = seen || (other.view && other.view->seen(copy.slot) >= copy.clock);
        if (!seen) {
            fail(t, nullptr, "exit with copies in flight",
                 "the block exits, and none of its threads has seen that a bulk copy from its "
                 "shared memory to another block is complete");
        }
    }
}

} // namespace cudasim

using namespace cudasim;

#define EXPORT extern "C" __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)

EXPORT void di_sim_bulk_s2s(unsigned destination, unsigned source, unsigned bytes,
                            unsigned barrier) {
    between_blocks(current_thread(), destination, source, bytes, barrier, -1, 0, CALLER);
}

EXPORT void di_sim_bulk_reduce_s2s(unsigned destination, unsigned source, unsigned bytes,
                                   unsigned barrier, int op, int type) {
    Thread* t = current_thread();
    if (!reduces_in_shared(op, type)) {
        fail(t, CALLER, "invalid argument",
             "cp.reduce.async.bulk into shared memory has no operation %d on elements of type %d",
             op, type);
    }
    between_blocks(t, destination, source, bytes, barrier, op, type, CALLER);
}
