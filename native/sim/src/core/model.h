// SPDX-License-Identifier: MIT
// The machine: launch, cluster, block, warp, thread. Everything below a cluster belongs to one host
// thread (its worker) and needs no locks; what several workers share is in Launch and in memory/.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/fiber.h"
#include "core/rng.h"
#include "core/view.h"
#include "deepinfra_sim/runtime.h"
#include "memory/sync.h"
#include "tensor/register_watch.h"
#include "tensor/tile_layout.h"

namespace cudasim {

struct Thread;
struct Warp;
struct Block;
struct Cluster;
struct Launch;
class Worker;
class Shadow;
struct Mbarrier;
struct WarpgroupState;

constexpr unsigned kWarpSize = 32;
constexpr unsigned kFullMask = 0xffffffffu;
constexpr unsigned kNamedBarriers = 16;
// Shared memory of a block: addresses below kSharedBase are the system's, as on hardware.
constexpr std::uint32_t kSharedBase = 1024;
constexpr std::uint32_t kSharedStride = 256 * 1024;
constexpr std::uint32_t kSharedLimit = 227 * 1024;
constexpr unsigned kRankShift = 24;

enum class Policy : std::uint8_t { Uniform, Priority, Late, Early };
enum class AgentKind : std::uint8_t { Thread, CpAsync, Bulk, Mbarrier, Wgmma, Dependency };
enum class ThreadState : std::uint8_t { Ready, Blocked, Polling, Exited };

// Why a thread does not run, for reports.
enum class WaitKind : std::uint8_t {
    None,
    NamedBarrier,
    Warp,
    ClusterBarrier,
    Mbarrier,
    Poll,
    Warpgroup
};
struct Wait {
    WaitKind kind = WaitKind::None;
    std::uint32_t detail = 0; // barrier id, shared address or mask
    std::uint32_t extra = 0;  // parity, expected count
    const char* what = "";
    const void* caller = nullptr;  // device code
    const void* address = nullptr; // polled
};

// One recent access of a thread, so that a race report can say where the other side was.
struct RecentAccess {
    std::uint64_t address = 0;
    std::uint32_t bytes = 0;
    std::uint32_t clock = 0;
    const void* caller = nullptr;
};
constexpr unsigned kRecentAccesses = 16;

// An operation in flight. Runs once, at a moment that the policy picks.
struct AsyncOp {
    virtual ~AsyncOp() = default;
    // Performs the operation. Never yields.
    virtual void run() = 0;
    // Takes what it still needs from its source, so that the source may be overwritten.
    virtual void capture() {}
    Thread* owner = nullptr; // thread whose wait forces it, or null
    AgentKind kind = AgentKind::Bulk;
    std::uint32_t group = 0;
    bool reads_shared = false;      // still needs its block's shared memory as a source
    Block* writes_shared = nullptr; // the block whose shared memory it will write
};

// What a thread came across and did not acquire, so that a race report can say what is missing.
constexpr int kNotAcquired = -1;
struct MissedView {
    ViewRef view;
    const void* at = nullptr; // where it was published
    const char* what = "";
    int release = 0, acquire = 0; // scopes; kNotAcquired: read without acquiring
    int needed = 0;               // the narrowest scope that both sides lie in
};
constexpr unsigned kMissedViews = 4;

// A volatile load that a later fence may acquire from.
struct VolatileRead {
    const void* address = nullptr;
    std::uint32_t bytes = 0; // 0: none
    bool shared = false;
};
constexpr unsigned kVolatileReads = 4;

struct Thread {
    void* sp = nullptr;
    FiberStack stack;
    Block* block = nullptr;
    Warp* warp = nullptr;
    std::uint32_t index = 0; // in the block
    std::uint32_t slot = 0;  // in the cluster's space
    unsigned lane = 0;
    di_sim_uint3 idx{};
    ThreadState state = ThreadState::Ready;
    Wait wait;

    // Happens-before: what this thread has seen, its own clocks beside it.
    ViewRef view;
    std::uint32_t clock = 1;
    std::uint32_t fenced = 0;
    ViewRef fence_release[4]; // by scope: what a later relaxed store publishes
    ViewRef fence_acquire[4]; // by scope: what a later fence acquires
    bool has_fence_acquire = false, has_fence_release = false;
    MissedView missed[kMissedViews];
    unsigned missed_next = 0;
    VolatileRead volatile_reads[kVolatileReads];
    unsigned volatile_next = 0;

    // Asynchronous copies issued by this thread. Slots are agents, 0 until first used.
    std::uint32_t cp_async_slot = 0, cp_async_stamp = 1;
    std::vector<std::uint32_t> cp_async_groups; // stamp of each committed group
    std::unique_ptr<AsyncOp> cp_async_open;     // copies not yet committed
    std::uint32_t bulk_read_slot = 0, bulk_write_slot = 0;
    std::uint32_t bulk_last = 0;  // group of the last bulk store, 0 when there was none
    std::uint32_t bulk_group = 1; // the one that is open

    // Polling: addresses and values that strong loads saw last.
    struct Seen {
        const void* address;
        std::uint64_t value;
    } polled[4] = {};
    unsigned poll_next = 0, poll_count = 0;

    // Collective in progress: what this lane brings, what it takes away.
    std::uint64_t operand = 0, result = 0;
    int predicate = 0, argument = 0;
    int cluster_arrived = 0; // phase of the cluster barrier plus 1, 0 when not arrived

    RecentAccess recent[kRecentAccesses];
    unsigned recent_next = 0;
    unsigned registers = 0;     // of setmaxnreg, 0 when never called
    RegisterWatchPointer watch; // of wgmma, null before the first wgmma.fence
};

// A collective of (part of) a warp that waits for lanes.
struct Collective {
    const void* caller = nullptr;
    const char* what = nullptr;
    std::uint32_t mask = 0;    // lanes that take part
    std::uint32_t arrived = 0; // of those
    int kind = 0;
    void (*complete)(Warp& warp, std::uint32_t mask, void* context) = nullptr;
    bool without_exited = false; // a lane that exits is not waited for
};

struct Warp {
    Block* block = nullptr;
    unsigned index = 0;
    std::uint32_t live = 0;             // lanes that have not exited
    std::uint32_t ready = 0;            // lanes that can run
    std::uint32_t at_named_barrier = 0; // lanes that wait there
    int queue_index = -1;               // in the worker's list of ready warps
    std::uint64_t priority = 0;
    Thread* threads = nullptr;
    std::vector<Collective> collectives; // disjoint masks
};

struct NamedBarrier {
    unsigned expected = 0; // threads
    unsigned arrived = 0;
    std::vector<Thread*> waiting;
    std::vector<std::uint32_t> lanes; // per warp, for the convergence check
    ViewBuilder view;
    int red_op = -1;
    unsigned red_value = 0;
};

// A bulk copy to another block, complete once that block's mbarrier (agent `slot`) is at `clock`.
struct SentCopy {
    std::uint32_t slot, clock;
};

struct Block {
    Cluster* cluster = nullptr;
    di_sim_uint3 idx{};
    unsigned rank = 0;              // in the cluster
    std::uint8_t* shared = nullptr; // address of offset 0 (kSharedBase is the first usable)
    std::uint32_t shared_bytes = 0;
    unsigned live = 0;
    bool checks = true; // of the launch
    bool trace = false;
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    NamedBarrier barriers[kNamedBarriers];
    std::unordered_map<std::uint32_t, std::unique_ptr<Mbarrier>> mbarriers; // by offset
    std::vector<std::unique_ptr<WarpgroupState>> warpgroups;
    unsigned unfenced_mbarriers = 0;
    std::map<std::uint32_t, Tile> tiles; // by start, disjoint: what tensor maps have loaded
    std::uint64_t tile_layouts = 0;      // tiles of a layout that was not there before
    std::vector<SentCopy> sent;
};

struct ClusterBarrier {
    unsigned arrived = 0;
    std::uint32_t phase = 0;
    ViewBuilder view;
    ViewRef complete; // of the phase before
    std::vector<Thread*> waiting;
};

struct Agent {
    AgentKind kind;
    Thread* thread;        // of thread-bound agents, else null
    std::uint32_t address; // of an mbarrier
};

struct Cluster {
    Launch* launch = nullptr;
    Worker* worker = nullptr;
    std::uint32_t space = 0;
    std::uint32_t index = 0;
    std::uint8_t* arena = nullptr; // shared memory of all its blocks
    std::uint64_t arena_bytes = 0;
    std::unique_ptr<Shadow> shadow; // of the arena
    std::vector<std::unique_ptr<Block>> blocks;
    std::vector<Agent> agents;
    std::vector<std::unique_ptr<AsyncOp>> pending;
    SyncTable shared_sync; // what strong writes to shared memory have released
    ClusterBarrier barrier;
    unsigned live_blocks = 0;
    std::uint32_t dependency_slot = 0; // agent that stands for the grids waited for by PDL
    // Joins that many threads ask for one after the other.
    struct Join {
        std::uint64_t a = 0, b = 0;
        ViewRef result;
    } joins[8];
    unsigned next_join = 0;

    std::uint32_t add_agent(AgentKind kind, Thread* thread, std::uint32_t address);
};

inline Cluster& cluster_of(const Thread* t) { return *t->block->cluster; }

} // namespace cudasim
