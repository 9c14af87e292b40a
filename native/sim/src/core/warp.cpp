// SPDX-License-Identifier: MIT
#include "core/warp.h"

#include "core/describe.h"
#include "core/report.h"
#include "core/worker.h"
#include "memory/strong.h"

namespace cudasim {

namespace {

[[noreturn]] void fail_diverged(Thread* t, const void* caller, const std::string& text) {
    fail_text(t, caller, "divergent collective", text + describe_lanes(*t->warp));
}

// All lanes of the i-th collective are there; t is the one that does not wait.
void finish(Thread* t, std::size_t i, void* context) {
    Warp& warp = *t->warp;
    const Collective c = warp.collectives[i];
    warp.collectives[i] = warp.collectives.back();
    warp.collectives.pop_back();
    if (c.complete != nullptr)
        c.complete(warp, c.mask, context);
    Worker& worker = worker_of(t);
    worker.wake_lanes(warp, c.mask & ~(1u << t->lane));
    worker.note_progress();
}

std::size_t find_collective(Thread* t, std::uint32_t mask, int kind, const char* what,
                            const void* caller) {
    Warp& warp = *t->warp;
    std::size_t found = warp.collectives.size();
    for (std::size_t i = 0; i < warp.collectives.size(); ++i) {
        const Collective& c = warp.collectives[i];
        if (c.mask == mask && c.kind == kind) {
            found = i;
        } else if ((c.mask >> t->lane & 1) != 0 && (c.arrived & mask) != 0) {
            // Each waits for the other.
            fail_diverged(t, caller,
                          format("%s with mask 0x%08x, while lanes 0x%08x of the warp wait at %s "
                                 "with mask 0x%08x",
                                 what, mask, c.arrived, c.what, c.mask));
        }
    }
    return found;
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
        fail_diverged(t, caller,
                      format("%s: mask 0x%08x has lanes 0x%08x that have exited", what, mask,
                             mask & ~warp.live));
    }
    if ((mask & warp.at_named_barrier) != 0) {
        const Thread& other = warp.threads[__builtin_ctz(mask & warp.at_named_barrier)];
        fail_diverged(
            t, caller,
            format("%s, while lane %u waits at barrier %u", what, other.lane, other.wait.detail));
    }
    std::size_t i = find_collective(t, mask, kind, what, caller);
    if (i == warp.collectives.size()) {
        warp.collectives.push_back({caller, what, mask, 0, kind, complete});
        warp.collectives.back().without_exited = kind >= kWithoutExited && kind < kWithoutExitedEnd;
    }
    Collective& c = warp.collectives[i];
    c.arrived |= 1u << t->lane;
    if (c.arrived == c.mask) {
        finish(t, i, context);
        return;
    }
    Wait wait;
    wait.kind = WaitKind::Warp;
    wait.detail = mask;
    wait.what = what;
    wait.caller = caller;
    worker_of(t).block_current_for(t, wait, c.mask & ~c.arrived);
}

void converge(Thread* t, int kind, const char* what, const void* caller) {
    const std::uint32_t live = t->warp->live;
    bool whole = kind < kWithoutExited || kind >= kWithoutExitedEnd;
    if (whole && live != kFullMask) {
        fail_diverged(t, caller, format("%s in a warp without lanes 0x%08x", what, ~live));
    }
    collective(t, live, kind, what, caller, nullptr);
}

void leave_collectives(Thread* t) {
    Warp& warp = *t->warp;
    for (std::size_t i = 0; i < warp.collectives.size(); ++i) {
        Collective& c = warp.collectives[i];
        if ((c.mask >> t->lane & 1) == 0)
            continue;
        if (!c.without_exited) {
            fail_diverged(t, nullptr,
                          format("%s with mask 0x%08x waits for this thread, which has exited",
                                 c.what, c.mask));
        }
        c.mask &= ~(1u << t->lane);
        if (c.arrived == c.mask)
            finish(t, i--, nullptr);
    }
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
