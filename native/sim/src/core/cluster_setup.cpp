// SPDX-License-Identifier: MIT
#include "core/cluster_setup.h"

#include <sys/mman.h>

#include <cstring>
#include <map>
#include <mutex>
#include <new>

#include "async/bulk.h"
#include "async/mbarrier.h"
#include "core/barriers.h"
#include "core/report.h"
#include "core/warp.h"
#include "memory/shadow.h"
#include "tensor/warpgroup.h"

namespace cudasim {

namespace {

struct Arena {
    std::uint8_t* base;
    std::unique_ptr<Shadow> shadow;
};
// Shared memory and its shadow of finished clusters, by number of blocks.
std::mutex spare_mutex;
std::map<unsigned, std::vector<Arena>>& spare_arenas() {
    static auto* arenas = new std::map<unsigned, std::vector<Arena>>;
    return *arenas;
}

void take_arena(Cluster& cluster, unsigned blocks) {
    cluster.arena_bytes = std::uint64_t{blocks} * kSharedStride;
    {
        std::lock_guard<std::mutex> lock(spare_mutex);
        auto& spare = spare_arenas()[blocks];
        if (!spare.empty()) {
            cluster.arena = spare.back().base;
            cluster.shadow = std::move(spare.back().shadow);
            spare.pop_back();
            return;
        }
    }
    // Twice the size, so that the base can be a multiple of the stride.
    std::size_t bytes = cluster.arena_bytes + kSharedStride;
    void* map = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
        throw std::bad_alloc();
    auto at =
        (reinterpret_cast<std::uintptr_t>(map) + kSharedStride - 1) / kSharedStride * kSharedStride;
    auto* arena = reinterpret_cast<std::uint8_t*>(at);
    try {
        cluster.shadow = std::make_unique<Shadow>(arena, cluster.arena_bytes, false);
    } catch (...) {
        munmap(map, bytes);
        throw;
    }
    cluster.arena = arena;
}

void make_block(Cluster& cluster, Block& block, unsigned rank, di_sim_uint3 idx) {
    Launch& launch = *cluster.launch;
    const di_sim_uint3& dim = launch.config.block;
    unsigned count = launch.threads_per_block;
    block.cluster = &cluster;
    block.rank = rank;
    block.idx = idx;
    block.live = count;
    block.checks = launch.config.checks;
    block.trace = launch.config.trace;
    block.shared = cluster.arena + std::size_t{rank} * kSharedStride;
    block.shared_bytes = launch.config.shared_bytes;
    std::memset(block.shared + kSharedBase, 0xff, block.shared_bytes);
    if (block.checks)
        cluster.shadow->clear(block.shared + kSharedBase, block.shared_bytes);
    block.threads = std::vector<Thread>(count);
    block.warps = std::vector<Warp>((count + kWarpSize - 1) / kWarpSize);
    for (NamedBarrier& barrier : block.barriers)
        barrier.view.reset(cluster.space);
    for (unsigned i = 0; i < count; ++i) {
        Thread& t = block.threads[i];
        Warp& w = block.warps[i / kWarpSize];
        t.block = &block;
        t.warp = &w;
        t.index = i;
        t.lane = i % kWarpSize;
        t.slot = rank * count + i;
        t.idx = {i % dim.x, i / dim.x % dim.y, i / dim.x / dim.y};
        cluster.agents[t.slot] = {AgentKind::Thread, &t, 0};
        if (t.lane == 0) {
            w.block = &block;
            w.index = i / kWarpSize;
            w.threads = &t;
        }
        w.live |= 1u << t.lane;
    }
    for (unsigned i = 0; i < count / 128; ++i) {
        auto group = std::make_unique<WarpgroupState>();
        group->index = i;
        group->block = &block;
        group->slot = cluster.add_agent(AgentKind::Wgmma, &block.threads[i * 128], 0);
        block.warpgroups.push_back(std::move(group));
    }
}

void make_blocks(Cluster& cluster, unsigned blocks) {
    const LaunchConfig& config = cluster.launch->config;
    std::uint32_t index = cluster.index;
    cluster.agents.resize(std::size_t{blocks} * cluster.launch->threads_per_block);
    cluster.dependency_slot = cluster.add_agent(AgentKind::Dependency, nullptr, 0);
    di_sim_uint3 clusters{config.grid.x / config.cluster.x, config.grid.y / config.cluster.y,
                          config.grid.z / config.cluster.z};
    di_sim_uint3 origin{index % clusters.x * config.cluster.x,
                        index / clusters.x % clusters.y * config.cluster.y,
                        index / clusters.x / clusters.y * config.cluster.z};
    for (unsigned rank = 0; rank < blocks; ++rank) {
        di_sim_uint3 idx{origin.x + rank % config.cluster.x,
                         origin.y + rank / config.cluster.x % config.cluster.y,
                         origin.z + rank / config.cluster.x / config.cluster.y};
        cluster.blocks.push_back(std::make_unique<Block>());
        make_block(cluster, *cluster.blocks.back(), rank, idx);
    }
}

} // namespace

std::uint32_t Cluster::add_agent(AgentKind kind, Thread* thread, std::uint32_t address) {
    auto slot = static_cast<std::uint32_t>(agents.size());
    if (slot >= kMaxSlots) {
        launch->fail("not modelled",
                     "a cluster with more than 32,768 threads and asynchronous agents");
        worker->abandon();
    }
    agents.push_back({kind, thread, address});
    return slot;
}

std::unique_ptr<Cluster> make_cluster(Launch& launch, Worker& worker, std::uint32_t index) {
    auto cluster = std::make_unique<Cluster>();
    unsigned blocks = launch.blocks_per_cluster;
    cluster->launch = &launch;
    cluster->worker = &worker;
    cluster->index = index;
    cluster->space = launch.first_space + index;
    cluster->live_blocks = blocks;
    cluster->barrier.view.reset(cluster->space);
    take_arena(*cluster, blocks);
    try {
        make_blocks(*cluster, blocks);
    } catch (...) {
        release_arena(*cluster);
        throw;
    }
    return cluster;
}

void release_arena(Cluster& cluster) {
    if (cluster.arena == nullptr)
        return;
    cluster.shadow->forget_readers(); // whoever takes the arena clears its cells first
    std::lock_guard<std::mutex> lock(spare_mutex);
    spare_arenas()[static_cast<unsigned>(cluster.arena_bytes / kSharedStride)].push_back(
        {cluster.arena, std::move(cluster.shadow)});
    cluster.arena = nullptr;
}

void finish_thread(Thread* t) {
    Block& block = *t->block;
    check_wgmma_exit(t);
    check_thread_exit(t);
    t->warp->live &= ~(1u << t->lane);
    leave_collectives(t);
    if (--block.live == 0) {
        check_block_exit(t);
        --block.cluster->live_blocks;
    }
    barriers_after_exit(t);
    worker_of(t).exit_current(t);
}

} // namespace cudasim
