// SPDX-License-Identifier: MIT
#include "core/launch_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <string>

namespace cudasim {

namespace {

constexpr std::size_t kMaxSeeds = 64;

// Never closed: launches may end while the process does.
int log_file() {
    static const int file = [] {
        const char* path = std::getenv("DEEPINFRA_CUDASIM_LAUNCHES");
        if (path == nullptr || path[0] == 0)
            return -1;
        int opened = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (opened < 0)
            std::fprintf(stderr, "cudasim: DEEPINFRA_CUDASIM_LAUNCHES: cannot write %s\n", path);
        return opened;
    }();
    return file;
}

} // namespace

void log_launch(const char* kernel, std::uint64_t seed) {
    int file = log_file();
    if (file < 0)
        return;
    static std::mutex mutex;
    static auto* seen = new std::map<std::string, std::set<std::uint64_t>>;
    std::lock_guard<std::mutex> lock(mutex);
    std::set<std::uint64_t>& seeds = (*seen)[kernel];
    if (seeds.size() >= kMaxSeeds || !seeds.insert(seed).second)
        return;
    // One write, so that lines of several processes stay whole.
    std::string line = std::to_string(seed) + '\t' + kernel + '\n';
    if (write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
        std::fprintf(stderr, "cudasim: DEEPINFRA_CUDASIM_LAUNCHES: a line was not written\n");
}

} // namespace cudasim
