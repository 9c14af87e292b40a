// SPDX-License-Identifier: MIT
// The table of planted bugs: one row per bug, with the seeds of 20 that found it and how.
#pragma once

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

namespace cudasim::test {

constexpr unsigned kBugSeeds = 20;

// What every report must say: the seed, who, and (unless lines are off) a line of device code.
inline bool names_seed_thread_and_line(const std::string& report, unsigned seed, bool lines) {
    auto has = [&](const std::string& text) { return report.find(text) != std::string::npos; };
    return has("(seed " + std::to_string(seed) + ",") && has("block (") &&
           (has("thread (") || has(" lanes 0x")) && (!lines || has(".cu:"));
}

// Source lines cost a process each: reports of all seeds but the first go without.
inline void lines_in_reports(bool on) {
    if (on)
        unsetenv("DEEPINFRA_CUDASIM_NO_ADDR2LINE");
    else
        setenv("DEEPINFRA_CUDASIM_NO_ADDR2LINE", "1", 1);
}

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
