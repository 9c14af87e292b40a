// SPDX-License-Identifier: MIT
#include "memory/write_trace.h"

#include <algorithm>

#include "core/launch.h"
#include "core/model.h"
#include "core/report.h"
#include "memory/explain.h"

namespace cudasim {

WriteTrace& WriteTrace::instance() {
    static auto* trace = new WriteTrace; // streams may outlive static objects
    return *trace;
}

std::size_t WriteTrace::Hash::operator()(const Site& s) const {
    std::size_t h = s.space;
    for (std::size_t part : {std::size_t{s.slot}, reinterpret_cast<std::size_t>(s.caller),
                             reinterpret_cast<std::size_t>(s.what), std::size_t{s.source}})
        h = (h ^ part) * 0x9e3779b97f4a7c15ULL;
    return h ^ h >> 32;
}

std::uint32_t WriteTrace::number_of(const Site& site) {
    auto [it, added] = numbers_.try_emplace(site, static_cast<std::uint32_t>(sites_.size()) + 1);
    if (added)
        sites_.push_back(site);
    return it->second;
}

std::uint32_t& WriteTrace::at(const void* p) {
    auto address = reinterpret_cast<std::uintptr_t>(p);
    std::unique_ptr<Page>& page = pages_[address / kPage];
    if (page == nullptr)
        page = std::make_unique<Page>(Page{});
    return (*page)[address % kPage];
}

std::uint32_t WriteTrace::find(const void* p) const {
    auto address = reinterpret_cast<std::uintptr_t>(p);
    auto page = pages_.find(address / kPage);
    return page == pages_.end() ? 0 : (*page->second)[address % kPage];
}

void WriteTrace::write(const Thread* t, const void* p, std::size_t bytes, const char* what,
                       const void* caller) {
    const auto* to = static_cast<const std::uint8_t*>(p);
    std::lock_guard<std::mutex> lock(mutex_);
    const std::uint32_t site = number_of({cluster_of(t).space, t->slot, caller, what, 0});
    for (std::size_t i = 0; i < bytes; ++i)
        at(to + i) = site;
}

void WriteTrace::copy(const Thread* t, const void* to, const void* from, std::size_t bytes,
                      const char* what, const void* caller) {
    std::lock_guard<std::mutex> lock(mutex_);
    std::uint32_t last_source = ~0u, site = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
        const std::uint32_t source = find(static_cast<const std::uint8_t*>(from) + i);
        if (source != last_source) {
            last_source = source;
            site = number_of({cluster_of(t).space, t->slot, caller, what, source});
        }
        at(static_cast<const std::uint8_t*>(to) + i) = site;
    }
}

void WriteTrace::forget(const void* p, std::size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (pages_.empty())
        return;
    const auto begin = reinterpret_cast<std::uintptr_t>(p), end = begin + bytes;
    for (std::uintptr_t a = begin; a < end;) {
        const std::uintptr_t next = std::min(end, (a / kPage + 1) * kPage);
        if (auto page = pages_.find(a / kPage); page != pages_.end()) {
            if (next - a == kPage)
                pages_.erase(page);
            else
                std::fill_n(page->second->begin() + static_cast<std::ptrdiff_t>(a % kPage),
                            next - a, 0u);
        }
        a = next;
    }
}

std::string WriteTrace::describe(std::uint32_t number) const {
    const Site& site = sites_[number - 1];
    std::string text = std::string("the ") + site.what + " of " +
                       describe_thread_of(site.space, site.slot) + "\n    at " +
                       place_of(site.caller);
    if (site.source != 0)
        text += "\n  of what was written by " + describe(site.source);
    return text;
}

std::string WriteTrace::describe(const void* p) {
    std::lock_guard<std::mutex> lock(mutex_);
    const std::uint32_t number = find(p);
    return number == 0 ? "" : "by " + describe(number);
}

std::string describe_last_writer(const void* address) {
    std::string writer = WriteTrace::instance().describe(address);
    return describe_memory(address) +
           (writer.empty() ? ": no traced launch has written it" : ", last written " + writer);
}

} // namespace cudasim
