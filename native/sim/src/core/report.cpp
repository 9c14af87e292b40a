// SPDX-License-Identifier: MIT
#include "core/report.h"

#include <dlfcn.h>
#include <link.h>

#include <cstdio>
#include <cstdlib>
#include <cxxabi.h>
#include <mutex>
#include <unistd.h>

namespace cudasim {

std::string format(const char* text, ...) {
    char buffer[1024];
    va_list arguments;
    va_start(arguments, text);
    std::vsnprintf(buffer, sizeof buffer, text, arguments);
    va_end(arguments);
    return buffer;
}

std::string name_of(const Thread* t) {
    const di_sim_uint3& b = t->block->idx;
    return format("block (%u,%u,%u) thread (%u,%u,%u) [warp %u lane %u]", b.x, b.y, b.z, t->idx.x,
                  t->idx.y, t->idx.z, t->index / kWarpSize, t->lane);
}

namespace {

std::string shortened(std::string text) {
    return text.size() > 160 ? text.substr(0, 157) + "..." : text;
}

// "f at a.cuh:1, in g at b.cu:2", from the innermost inlined function outwards, by the binutils
// tool where there is one; empty where not. Only used while failing.
std::string source_lines(const char* object, std::uintptr_t offset) {
    if (std::getenv("DEEPINFRA_CUDASIM_NO_ADDR2LINE") != nullptr)
        return "";
    for (const char* p = object; *p != 0; ++p) {
        if (*p == '\'' || *p == '\\')
            return "";
    }
    std::string command = format("addr2line -f -C -s -i -e '%s' 0x%lx 2>/dev/null", object,
                                 static_cast<unsigned long>(offset));
    FILE* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr)
        return "";
    auto read_line = [pipe](std::string* to) {
        char text[1024] = {0};
        if (std::fgets(text, sizeof text, pipe) == nullptr)
            return false;
        *to = text;
        while (!to->empty() && (to->back() == '\n' || to->back() == ' '))
            to->pop_back();
        return to->compare(0, 2, "??") != 0;
    };
    std::string all, function, line;
    while (read_line(&function) && read_line(&line) && line.find(":?") == std::string::npos) {
        std::size_t extra = line.find(" (");
        if (extra != std::string::npos)
            line.resize(extra);
        all += (all.empty() ? "" : ", in ") + shortened(function) + " at " + line;
    }
    pclose(pipe);
    return all;
}

} // namespace

std::string place_of(const void* code) {
    if (code == nullptr)
        return "an unknown place";
    // A return address points behind the call; the call itself has the right line.
    const void* call = static_cast<const char*>(code) - 1;
    Dl_info info{};
    link_map* map = nullptr;
    if (dladdr1(call, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) == 0) {
        return format("%p", code);
    }
    std::string text = "?";
    if (info.dli_sname != nullptr) {
        int status = 0;
        char* plain = abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status);
        text = status == 0 && plain != nullptr ? plain : info.dli_sname;
        std::free(plain);
        text = shortened(text);
        text += format("+0x%lx", static_cast<unsigned long>(static_cast<const char*>(call) -
                                                            static_cast<char*>(info.dli_saddr)));
    }
    char self[4096];
    const char* object = info.dli_fname;
    if (object == nullptr || map == nullptr || map->l_name == nullptr || map->l_name[0] == 0) {
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        if (n <= 0)
            return text;
        self[n] = 0;
        object = self;
    }
    std::uintptr_t offset =
        reinterpret_cast<std::uintptr_t>(call) - (map != nullptr ? map->l_addr : 0);
    std::string lines = source_lines(object, offset);
    return lines.empty() ? text : lines;
}

namespace {
std::atomic<std::uint64_t> failures{0};
std::mutex last_failure_mutex;
std::string& last_failure_text() {
    static auto* text = new std::string;
    return *text;
}
} // namespace

std::uint64_t failed_launches() { return failures.load(std::memory_order_acquire); }
std::string last_failure() {
    std::lock_guard<std::mutex> lock(last_failure_mutex);
    return last_failure_text();
}

void Launch::fail(std::string kind, std::string text) {
    std::lock_guard<std::mutex> lock(report_mutex);
    if (!report.empty())
        return;
    report.kind = std::move(kind);
    report.text =
        format("cudasim: %s in kernel %s (seed %llu, policy %d, device %d)\n", report.kind.c_str(),
               config.name, static_cast<unsigned long long>(config.seed), static_cast<int>(policy),
               config.device) +
        text + "\n";
    {
        std::lock_guard<std::mutex> last(last_failure_mutex);
        last_failure_text() = report.text.substr(0, report.text.find('\n'));
    }
    failures.fetch_add(1, std::memory_order_release);
    failed.store(true, std::memory_order_release);
}

void Launch::fail_memory(const char* what) {
    fail(kOutOfHostMemory, std::string("this machine has no memory ") + what);
}

void fail_launch(Launch& launch, Worker& worker, const char* kind, std::string text) {
    launch.fail(kind, std::move(text));
    worker.abandon();
}

void fail_text(Thread* t, const void* caller, const char* kind, std::string text) {
    text += "\n  in " + name_of(t);
    if (caller != nullptr) {
        text += "\n  at " + place_of(caller);
    } else {
        // Found at the end of a thread: where it was last is the best that can be told.
        const RecentAccess& last =
            t->recent[(t->recent_next + kRecentAccesses - 1) % kRecentAccesses];
        if (last.caller != nullptr)
            text += "\n  after " + place_of(last.caller);
    }
    fail_launch(*t->block->cluster->launch, worker_of(t), kind, std::move(text));
}

void fail(Thread* t, const void* caller, const char* kind, const char* text, ...) {
    char buffer[1024];
    va_list arguments;
    va_start(arguments, text);
    std::vsnprintf(buffer, sizeof buffer, text, arguments);
    va_end(arguments);
    fail_text(t, caller, kind, buffer);
}

} // namespace cudasim
