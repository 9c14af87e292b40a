// SPDX-License-Identifier: MIT
#include "core/warp.h"

#include "core/report.h"
#include "core/worker.h"
#include "memory/strong.h"

namespace cudasim {

namespace {

[[noreturn]] void fail_at_barrier(Thread* t, std::uint32_t lanes, const char* what,
                                  const void* caller) {
    const Thread& other = t->warp->threads[__builtin_ctz(lanes)];
    fail_text(t, caller, "divergent collective",
              format("%s, while lane %u waits at barrier %u\n  at ", what, other.lane,
                     other.wait.detail) +
                  place_of(other.wait.caller));
}

} // namespace

void collective(Thread* t, std::uint32_t mask, int kind, const char* what, const void* caller,
                void (*complete)(Warp& warp, std::uint32_t mask, void* context), void* context) {
    Warp& warp = *t->warp;
    if ((mask >> t->lane & 1) == 0) {
        fail(t, caller, "divergent collective", "%s: mask 0x%08x does not have this lane", what,
             mask);
    }
    if ((mask & ~warp.live) != 0) {
        fail(t, caller, "divergent collective", "%s: mask 0x%08x has lanes 0x%08x that have exited",
             what, mask, mask & ~warp.live);
    }
    if ((mask & warp.at_named_barrier) != 0)
        fail_at_barrier(t, mask & warp.at_named_barrier, what, caller);
    check_aligned(t, mask, what, caller);
    std::size_t i = 0;
    for (; i < warp.collectives.size(); ++i) {
        Collective& c = warp.collectives[i];
        if ((c.mask & mask) == 0)
            continue;
        if (c.mask == mask && c.kind == kind)
            break;
        if ((c.mask >> t->lane & 1) != 0 || (c.arrived & mask) != 0) {
            fail_text(t, caller, "divergent collective",
                      format("%s with mask 0x%08x, while lanes 0x%08x of the warp wait at %s with "
                             "mask 0x%08x\n  at ",
                             what, mask, c.arrived, c.what, c.mask) +
                          place_of(c.caller));
        }
    }
    if (i == warp.collectives.size())
        warp.collectives.push_back({caller, what, mask, 0, kind});
    Collective& c = warp.collectives[i];
    c.arrived |= 1u << t->lane;
    if (c.arrived != c.mask) {
        Wait wait;
        wait.kind = WaitKind::Warp;
        wait.detail = mask;
        wait.what = what;
        wait.caller = caller;
        worker_of(t).block_current(t, wait);
        return;
    }
    warp.collectives[i] = warp.collectives.back();
    warp.collectives.pop_back();
    complete(warp, mask, context);
    Worker& worker = worker_of(t);
    for (std::uint32_t rest = mask & ~(1u << t->lane); rest != 0; rest &= rest - 1) {
        worker.wake(&warp.threads[__builtin_ctz(rest)]);
    }
    worker.note_progress();
}

void converge(Thread* t, const char* what, const void* caller) {
    Warp& warp = *t->warp;
    const std::uint32_t lane = 1u << t->lane;
    std::size_t at = t->aligned - warp.aligned_done;
    if (at == warp.aligned.size())
        warp.aligned.push_back({what, caller, 0});
    AlignedStep& step = warp.aligned[at];
    if (step.what != what) {
        fail_text(t, caller, "divergent collective",
                  format("%s, while lanes 0x%08x of the warp execute %s\n  at ", what, step.arrived,
                         step.what) +
                      place_of(step.caller));
    }
    const std::uint32_t behind = warp.live & ~step.arrived;
    if ((behind & warp.at_named_barrier) != 0)
        fail_at_barrier(t, behind & warp.at_named_barrier, what, caller);
    for (const Collective& c : warp.collectives) {
        if ((c.mask & lane) != 0 && (c.arrived & behind) != 0) {
            fail_text(
                t, caller, "divergent collective",
                format("%s, while lanes 0x%08x of the warp wait at %s with mask 0x%08x\n  at ",
                       what, c.arrived, c.what, c.mask) +
                    place_of(c.caller));
        }
    }
    step.arrived |= lane;
    ++t->aligned;
    // Lanes execute steps in order: only the first one can be complete.
    if ((warp.live & ~warp.aligned.front().arrived) == 0) {
        warp.aligned.erase(warp.aligned.begin());
        ++warp.aligned_done;
    }
}

void check_aligned(Thread* t, std::uint32_t mask, const char* what, const void* caller) {
    const Warp& warp = *t->warp;
    std::size_t at = t->aligned - warp.aligned_done;
    if (at >= warp.aligned.size() || (warp.aligned[at].arrived & mask) == 0)
        return;
    const AlignedStep& step = warp.aligned[at];
    fail_text(t, caller, "divergent collective",
              format("%s with mask 0x%08x, while lanes 0x%08x of the warp execute %s\n  at ", what,
                     mask, step.arrived, step.what) +
                  place_of(step.caller));
}

void check_aligned_exit(Thread* t) {
    Warp& warp = *t->warp;
    std::size_t at = t->aligned - warp.aligned_done;
    if (at < warp.aligned.size()) {
        const AlignedStep& step = warp.aligned[at];
        fail(t, step.caller, "divergent collective",
             "%s of lanes 0x%08x waits for this thread, which has exited", step.what, step.arrived);
    }
    // Steps that waited for this lane alone cannot be left: it has executed them all.
}

namespace {

template <typename F> void each_lane(Warp& warp, std::uint32_t mask, F f) {
    for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) {
        f(warp.threads[__builtin_ctz(rest)]);
    }
}

void complete_syncwarp(Warp& warp, std::uint32_t mask, void*) {
    if (!warp.block->checks)
        return;
    ViewBuilder builder(warp.block->cluster->space);
    each_lane(warp, mask, [&](Thread& t) { release_into(&t, builder); });
    ViewRef view = builder.freeze();
    each_lane(warp, mask, [&](Thread& t) { t.view = view; });
}

enum { kShflIdx = 0, kShflUp = 1, kShflDown = 2, kShflXor = 3 };

void complete_shuffle(Warp& warp, std::uint32_t mask, void*) {
    each_lane(warp, mask, [&](Thread& t) {
        int lane = static_cast<int>(t.lane), width = t.argument >> 16;
        int mode = t.argument >> 8 & 255;
        auto delta = static_cast<std::int8_t>(t.argument & 255);
        int base = lane & ~(width - 1), source = lane;
        switch (mode) {
        case kShflIdx:
            source = base + (delta & (width - 1));
            break;
        case kShflUp:
            source = lane - delta < base ? lane : lane - delta;
            break;
        case kShflDown:
            source = lane + delta >= base + width ? lane : lane + delta;
            break;
        default:
            source = lane ^ delta;
            if (source >= base + width)
                source = lane;
        }
        if ((mask >> source & 1) == 0) {
            fail(&t, t.wait.caller, "divergent collective",
                 "shuffle reads lane %d, which mask 0x%08x does not have", source, mask);
        }
        t.result = warp.threads[source].operand;
    });
}

void complete_vote(Warp& warp, std::uint32_t mask, void*) {
    std::uint32_t ballot = 0;
    int mode = 0;
    each_lane(warp, mask, [&](Thread& t) {
        mode = t.argument;
        if (t.predicate != 0)
            ballot |= 1u << t.lane;
    });
    std::uint64_t result = ballot;
    if (mode == 1)
        result = ballot == mask;
    if (mode == 2)
        result = ballot != 0;
    if (mode == 3)
        result = ballot == mask || ballot == 0;
    each_lane(warp, mask, [&](Thread& t) { t.result = result; });
}

void complete_match_any(Warp& warp, std::uint32_t mask, void*) {
    each_lane(warp, mask, [&](Thread& t) {
        std::uint32_t equal = 0;
        each_lane(warp, mask, [&](Thread& u) {
            if (u.operand == t.operand)
                equal |= 1u << u.lane;
        });
        t.result = equal;
    });
}

void complete_match_all(Warp& warp, std::uint32_t mask, void*) {
    bool all = true;
    const Thread& first = warp.threads[__builtin_ctz(mask)];
    each_lane(warp, mask, [&](Thread& t) { all = all && t.operand == first.operand; });
    each_lane(warp, mask, [&](Thread& t) { t.result = all ? mask : 0; });
}

void complete_reduce(Warp& warp, std::uint32_t mask, void*) {
    const Thread& first = warp.threads[__builtin_ctz(mask)];
    int op = first.argument & 255;
    bool is_signed = first.argument >> 8 == DI_SIM_S32;
    auto value = static_cast<std::uint32_t>(first.operand);
    each_lane(warp, mask & ~(1u << first.lane), [&](Thread& t) {
        auto v = static_cast<std::uint32_t>(t.operand);
        auto less =
            is_signed ? static_cast<std::int32_t>(v) < static_cast<std::int32_t>(value) : v < value;
        switch (op) {
        case DI_SIM_ADD:
            value += v;
            break;
        case DI_SIM_MIN:
            value = less ? v : value;
            break;
        case DI_SIM_MAX:
            value = less ? value : v;
            break;
        case DI_SIM_AND:
            value &= v;
            break;
        case DI_SIM_OR:
            value |= v;
            break;
        default:
            value ^= v;
        }
    });
    each_lane(warp, mask, [&](Thread& t) { t.result = value; });
}

} // namespace
} // namespace cudasim

using namespace cudasim;

#define EXPORT extern "C" __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)

EXPORT void di_sim_syncwarp(unsigned mask) {
    Thread* t = current_thread();
    // __syncwarp() names lanes that have exited, or that the block does not have, without harm.
    collective(t, mask & t->warp->live, kSyncWarp, "__syncwarp", CALLER, complete_syncwarp);
    worker_of(t).maybe_yield(t);
}

EXPORT di_sim_u64 di_sim_shfl(unsigned mask, di_sim_u64 value, int lane, int width, int mode) {
    Thread* t = current_thread();
    if (width < 1 || width > 32 || (width & (width - 1)) != 0) {
        fail(t, CALLER, "invalid argument", "shuffle: width %d is not a power of two up to 32",
             width);
    }
    t->operand = value;
    t->argument = width << 16 | mode << 8 | (lane & 255);
    collective(t, mask == kFullMask ? mask & t->warp->live : mask, kShuffle + mode, "__shfl_sync",
               CALLER, complete_shuffle);
    return t->result;
}

EXPORT unsigned di_sim_vote(unsigned mask, int predicate, int mode) {
    Thread* t = current_thread();
    t->predicate = predicate;
    t->argument = mode;
    collective(t, mask == kFullMask ? mask & t->warp->live : mask, kVote + mode, "vote", CALLER,
               complete_vote);
    return static_cast<unsigned>(t->result);
}

EXPORT unsigned di_sim_match_any(unsigned mask, di_sim_u64 value) {
    Thread* t = current_thread();
    t->operand = value;
    collective(t, mask, kMatchAny, "__match_any_sync", CALLER, complete_match_any);
    return static_cast<unsigned>(t->result);
}

EXPORT unsigned di_sim_match_all(unsigned mask, di_sim_u64 value, int* predicate) {
    Thread* t = current_thread();
    t->operand = value;
    collective(t, mask, kMatchAll, "__match_all_sync", CALLER, complete_match_all);
    if (predicate != nullptr)
        *predicate = t->result != 0;
    return static_cast<unsigned>(t->result);
}

EXPORT unsigned di_sim_reduce(unsigned mask, unsigned value, int op, int type) {
    Thread* t = current_thread();
    t->operand = value;
    t->argument = type << 8 | op;
    collective(t, mask, kReduce + (op << 1) + (type == DI_SIM_S32), "__reduce_sync", CALLER,
               complete_reduce);
    return static_cast<unsigned>(t->result);
}

EXPORT unsigned di_sim_activemask() {
    // Which lanes happen to be converged is not defined; the calling lane alone is always right.
    return 1u << current_thread()->lane;
}

EXPORT int di_sim_elect(unsigned mask) {
    Thread* t = current_thread();
    std::uint32_t live = mask & t->warp->live;
    collective(t, live, kElect, "elect.sync", CALLER, [](Warp&, std::uint32_t, void*) {});
    // Any lane may be elected, always the same one for a mask.
    std::uint64_t seed = cluster_of(t).launch->config.seed;
    unsigned skip = static_cast<unsigned>(seed % static_cast<unsigned>(__builtin_popcount(live)));
    std::uint32_t rest = live;
    while (skip-- != 0)
        rest &= rest - 1;
    return static_cast<int>(t->lane) == __builtin_ctz(rest);
}
