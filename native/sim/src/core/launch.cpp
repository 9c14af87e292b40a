// SPDX-License-Identifier: MIT
#include "core/launch.h"

#include <algorithm>
#include <future>
#include <map>
#include <new>
#include <shared_mutex>
#include <system_error>
#include <thread>

#include "core/launch_log.h"
#include "core/report.h"
#include "core/rng.h"
#include "core/worker.h"
#include "memory/access.h"

namespace cudasim {

namespace {

// Ranges of spaces and the work that owns them, newest last.
struct SpaceRange {
    std::uint32_t first, count;
    Stamp stamp;
    std::shared_ptr<const Work> work;
};
constexpr std::size_t kMaxRanges = 1 << 16;
std::shared_mutex spaces_mutex;
std::map<std::uint32_t, SpaceRange>& ranges() {
    static auto* map = new std::map<std::uint32_t, SpaceRange>;
    return *map;
}
std::uint32_t next_space = 1;
std::atomic<std::uint64_t> ranges_generation{1};

struct SpaceCache {
    std::uint64_t generation = 0;
    std::uint32_t own = 0;
    SpaceRange own_range{};
    SpaceRange last{};
    bool last_valid = false;
};
thread_local SpaceCache* space_cache = nullptr;

bool find_range(std::uint32_t space, SpaceRange* out) {
    std::shared_lock<std::shared_mutex> lock(spaces_mutex);
    auto it = ranges().upper_bound(space);
    if (it == ranges().begin())
        return false;
    --it;
    if (space - it->second.first >= it->second.count)
        return false;
    *out = it->second;
    return true;
}

} // namespace

std::uint32_t reserve_spaces(std::uint32_t count, const LaunchConfig& config) {
    auto work =
        std::make_shared<Work>(Work{config.stamp, config.visible, config.name, config.grid,
                                    config.block, config.cluster, 0, config.device, config.seed});
    std::unique_lock<std::shared_mutex> lock(spaces_mutex);
    if (next_space > kMaxSpace - count)
        next_space = 1; // 268 million clusters later
    std::uint32_t first = next_space;
    next_space += count;
    auto& map = ranges();
    // The oldest are forgotten: what they wrote counts as visible.
    if (map.size() >= kMaxRanges)
        map.erase(map.begin());
    work->first_space = first;
    map[first] = {first, count, config.stamp, std::move(work)};
    ranges_generation.fetch_add(1, std::memory_order_relaxed);
    return first;
}

void forget_spaces() {
    delete space_cache;
    space_cache = nullptr;
}

const Stamp* stamp_of_space(std::uint32_t space, bool* same_launch, std::uint32_t own_space) {
    if (space_cache == nullptr)
        space_cache = new SpaceCache;
    SpaceCache& cache = *space_cache;
    if (cache.own != own_space) {
        cache = SpaceCache{};
        cache.own = own_space;
        find_range(own_space, &cache.own_range);
    }
    *same_launch = space - cache.own_range.first < cache.own_range.count;
    if (*same_launch)
        return &cache.own_range.stamp;
    if (cache.last_valid && space - cache.last.first < cache.last.count)
        return &cache.last.stamp;
    cache.last_valid = find_range(space, &cache.last);
    return cache.last_valid ? &cache.last.stamp : nullptr;
}

std::shared_ptr<const Work> work_of_space(std::uint32_t space) {
    SpaceRange range{};
    return find_range(space, &range) ? range.work : nullptr;
}

Launch::Launch(const LaunchConfig& c) : config(c) {
    threads_per_block = c.block.x * c.block.y * c.block.z;
    blocks_per_cluster = c.cluster.x * c.cluster.y * c.cluster.z;
    cluster_count = (c.grid.x / c.cluster.x) * (c.grid.y / c.cluster.y) * (c.grid.z / c.cluster.z);
    policy = c.policy >= 0 ? static_cast<Policy>(c.policy % 4) : static_cast<Policy>(c.seed % 4);
    first_space = reserve_spaces(cluster_count, c);
}

void forget_thread_caches() {
    forget_spaces();
    forget_allocations();
}

Report run_launch(const LaunchConfig& config) {
    Launch launch(config);
    unsigned workers = config.workers != 0 ? config.workers : std::thread::hardware_concurrency();
    workers = std::clamp(workers, 1u, std::max(1u, launch.cluster_count));
    // Helpers begin when all are there: a worker has to know how many there are, and a machine that
    // is short of threads gives fewer.
    std::promise<unsigned> count;
    std::shared_future<unsigned> known = count.get_future().share();
    auto body = [&launch](unsigned index, unsigned all) {
        try {
            Worker worker(launch, index, all);
            worker.run();
        } catch (const LaunchFailed&) {
        } catch (const std::bad_alloc&) {
            launch.fail_memory(kMemoryOfBlocks);
        }
    };
    std::vector<std::thread> helpers;
    helpers.reserve(workers);
    try {
        for (unsigned i = 1; i < workers; ++i)
            helpers.emplace_back([&body, i, known] {
                body(i, known.get());
                forget_thread_caches();
            });
    } catch (const std::system_error&) {
    } catch (const std::bad_alloc&) {
    }
    count.set_value(static_cast<unsigned>(helpers.size()) + 1);
    body(0, static_cast<unsigned>(helpers.size()) + 1);
    for (std::thread& t : helpers)
        t.join();
    if (launch.report.empty())
        log_launch(config.name, config.seed);
    return launch.report;
}

} // namespace cudasim
