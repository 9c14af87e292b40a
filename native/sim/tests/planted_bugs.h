// SPDX-License-Identifier: MIT
// The table of planted bugs: one row per bug, with the seeds of 20 that found it and how.
#pragma once

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

namespace cudasim::test {

constexpr unsigned kBugSeeds = 20;

// Adds a row to the file that the build names, if it names one. An empty kind: not found.
inline void record_planted_bug(const std::string& bug,
                               const std::map<std::string, unsigned>& kinds) {
    const char* path = std::getenv("DEEPINFRA_SIM_BUG_TABLE");
    if (path == nullptr)
        return;
    unsigned found = 0, all = 0;
    std::string how;
    for (const auto& [kind, count] : kinds) {
        all += count;
        if (kind.empty())
            continue;
        found += count;
        how += (how.empty() ? "" : ", ") + kind + " (" + std::to_string(count) + ")";
    }
    std::string row = "| " + bug + " | " + std::to_string(found) + " of " + std::to_string(all) +
                      " | " + how + " |\n";
    std::ofstream(path, std::ios::app) << row; // one write: tests run side by side
}

} // namespace cudasim::test
