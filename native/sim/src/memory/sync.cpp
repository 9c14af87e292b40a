// SPDX-License-Identifier: MIT
#include "memory/sync.h"

#include <algorithm>

#include "deepinfra_sim/runtime.h"

namespace cudasim {

int common_scope(const Where& a, const Where& b) {
    if (a.space == b.space)
        return a.rank == b.rank ? DI_SIM_CTA : DI_SIM_CLUSTER;
    return a.device == b.device ? DI_SIM_GPU : DI_SIM_SYS;
}

bool SyncVar::empty() const {
    return std::none_of(released_, released_ + kScopes,
                        [](const Released& r) { return static_cast<bool>(r.all); });
}

void SyncVar::update(const Where& by, int scope, bool atomic) {
    // A value goes on standing for what was released with the one before it if an atomic operation
    // has made it from that one, or if the same thread has written both.
    const bool fits = std::min(scope, last_scope_) >= common_scope(by, last_);
    const bool own = sole_ && by.same_thread(last_);
    if (!own && !(atomic && fits)) {
        for (Released& r : released_)
            r = Released();
    }
    sole_ = own;
    last_ = by;
    last_scope_ = scope;
}

void SyncVar::publish(const Where& by, const Release& release) {
    if (empty())
        sole_ = true; // update() came before, so that last_ is by
    Released& r = released_[release.scope];
    if (r.all && common_scope(r.by, by) > release.scope)
        r = Released(); // another block's, say, which the scope of a block does not reach
    const ViewRef before = r.all;
    r.all = join_views(by.space, before, release.view);
    for (int s = 0; s < release.scope; ++s) {
        ViewRef& narrow = r.narrow[s];
        if (!narrow || common_scope(r.by, by) > s)
            narrow = release.view;
        else if (narrow->id() == before->id())
            narrow = r.all;
        else
            narrow = join_views(by.space, narrow, release.view);
    }
    r.by = by;
}

ViewRef SyncVar::collect(const Where& by, int scope, int acquire_scope,
                         std::vector<Unreached>* unreached) const {
    ViewRef result;
    // A read observes what it reads only if the two are morally strong.
    const bool observes = std::min(scope, last_scope_) >= common_scope(by, last_);
    for (int s = 0; s < kScopes; ++s) {
        const Released& r = released_[s];
        if (!r.all)
            continue;
        const int needed = common_scope(r.by, by);
        if (observes && s >= needed && acquire_scope >= needed) {
            result =
                join_views(by.space, result, acquire_scope >= s ? r.all : r.narrow[acquire_scope]);
        } else if (unreached != nullptr) {
            unreached->push_back({r.all, s, needed});
        }
    }
    return result;
}

void SyncVar::merge(const SyncVar& other) {
    for (int s = 0; s < kScopes; ++s) {
        Released& r = released_[s];
        const Released& o = other.released_[s];
        if (!o.all)
            continue;
        if (!r.all) {
            r = o;
        } else if (common_scope(r.by, o.by) <= s) {
            r.all = join_views(r.by.space, r.all, o.all);
        }
    }
    sole_ = sole_ && other.sole_ && last_.same_thread(other.last_);
}

namespace {
// Splits what reaches over an edge, so that every state lies within [first, end) or outside.
void cut(std::vector<SyncVar>& vars, std::uint8_t edge) {
    for (std::size_t i = 0, n = vars.size(); i < n; ++i) {
        if (vars[i].first < edge && edge < vars[i].end) {
            SyncVar upper = vars[i];
            upper.first = edge;
            vars[i].end = edge;
            vars.push_back(std::move(upper));
        }
    }
}
} // namespace

void SyncTable::write(std::uint64_t address, std::size_t bytes, const Where& by, int scope,
                      bool atomic, const std::vector<Release>& releases) {
    const std::uint64_t word = address & ~std::uint64_t{7};
    auto it = words_.find(word);
    if (it == words_.end()) {
        if (releases.empty())
            return;
        it = words_.emplace(word, std::vector<SyncVar>()).first;
    }
    std::vector<SyncVar>& vars = it->second;
    const auto first = static_cast<std::uint8_t>(address & 7);
    const auto end = static_cast<std::uint8_t>(first + bytes);
    SyncVar var;
    bool found = false;
    if (vars.size() == 1 && vars[0].first == first && vars[0].end == end) {
        var = std::move(vars[0]);
        vars.clear();
        found = true;
    } else {
        cut(vars, first);
        cut(vars, end);
        for (std::size_t i = 0; i < vars.size();) {
            if (vars[i].first < first || vars[i].end > end) {
                ++i;
                continue;
            }
            if (found)
                var.merge(vars[i]);
            else
                var = std::move(vars[i]);
            found = true;
            vars[i] = std::move(vars.back());
            vars.pop_back();
        }
    }
    var.first = first;
    var.end = end;
    var.update(by, scope, atomic);
    for (const Release& r : releases)
        var.publish(by, r);
    if (!var.empty())
        vars.push_back(std::move(var));
    if (vars.empty())
        words_.erase(it);
}

void SyncTable::forget(std::uint64_t address, std::size_t bytes) {
    const std::uint64_t first = address & ~std::uint64_t{7}, end = address + bytes;
    if ((end - first) / 8 > words_.size()) {
        for (auto it = words_.begin(); it != words_.end();)
            it = it->first >= first && it->first < end ? words_.erase(it) : std::next(it);
        return;
    }
    for (std::uint64_t word = first; word < end; word += 8)
        words_.erase(word);
}

} // namespace cudasim
