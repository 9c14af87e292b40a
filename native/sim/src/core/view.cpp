// SPDX-License-Identifier: MIT
#include "core/view.h"

#include <algorithm>

namespace cudasim {

namespace {
std::atomic<std::uint64_t> next_view_id{1};

void max_into(std::vector<std::uint32_t>& to, const std::vector<std::uint32_t>& from) {
    if (to.empty()) {
        to = from;
        return;
    }
    if (to.size() < from.size())
        to.resize(from.size(), 0);
    std::uint32_t* d = to.data();
    const std::uint32_t* s = from.data();
    for (std::size_t i = 0, n = from.size(); i < n; ++i)
        d[i] = d[i] < s[i] ? s[i] : d[i];
}
} // namespace

ViewRef::ViewRef(const ViewRef& other) : view_(other.view_) {
    if (view_ != nullptr)
        view_->references_.fetch_add(1, std::memory_order_relaxed);
}

ViewRef::~ViewRef() {
    if (view_ != nullptr && view_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        delete view_;
    }
}

const View* View::foreign(std::uint32_t space) const {
    auto it = std::lower_bound(foreign_.begin(), foreign_.end(), space,
                               [](const Foreign& f, std::uint32_t s) { return f.space < s; });
    return it != foreign_.end() && it->space == space ? it->view.get() : nullptr;
}

void ViewBuilder::clear() {
    seen_.clear();
    fenced_.clear();
    foreign_.clear();
    recent_[0] = recent_[1] = 0;
}

void ViewBuilder::add(const View* view) {
    if (view == nullptr || view->id_ == recent_[0] || view->id_ == recent_[1])
        return;
    recent_[1] = recent_[0];
    recent_[0] = view->id_;
    if (view->space_ == space_) {
        add_arrays(view);
    } else if (view->foreign_.empty()) {
        const_cast<View*>(view)->references_.fetch_add(1, std::memory_order_relaxed);
        add_foreign(view->space_, ViewRef(const_cast<View*>(view)));
    } else {
        // A copy without what it knows of others: two spaces that signal each other in turn would
        // otherwise chain all their snapshots.
        ViewBuilder own(view->space_);
        own.add_arrays(view);
        own.recent_[0] = view->id_;
        add_foreign(view->space_, own.freeze());
    }
    for (const Foreign& f : view->foreign_) {
        if (f.space == space_) {
            add_arrays(f.view.get());
        } else {
            add_foreign(f.space, f.view);
        }
    }
}

void ViewBuilder::add_arrays(const View* view) {
    max_into(seen_, view->seen_);
    max_into(fenced_, view->fenced_);
}

void ViewBuilder::add_foreign(std::uint32_t space, const ViewRef& view) {
    auto it = std::lower_bound(foreign_.begin(), foreign_.end(), space,
                               [](const Foreign& f, std::uint32_t s) { return f.space < s; });
    if (it == foreign_.end() || it->space != space) {
        foreign_.insert(it, {space, view});
        return;
    }
    if (it->view->contains(view->id_))
        return;
    if (view->contains(it->view->id_)) {
        it->view = view;
        return;
    }
    ViewBuilder merged(space);
    merged.add_arrays(it->view.get());
    merged.add_arrays(view.get());
    ViewRef joined = merged.freeze();
    const_cast<View*>(joined.get())->parents_[0] = it->view->id_;
    const_cast<View*>(joined.get())->parents_[1] = view->id_;
    it->view = joined;
}

void ViewBuilder::add_clock(std::uint32_t slot, std::uint32_t seen, std::uint32_t fenced) {
    if (seen_.size() <= slot) {
        seen_.resize(slot + 1, 0);
        fenced_.resize(slot + 1, 0);
    }
    seen_[slot] = std::max(seen_[slot], seen);
    fenced_[slot] = std::max(fenced_[slot], fenced);
}

void ViewBuilder::fence_all() {
    fenced_ = seen_;
    for (Foreign& f : foreign_) {
        ViewBuilder fenced(f.space);
        fenced.add_arrays(f.view.get());
        fenced.fenced_ = fenced.seen_;
        f.view = fenced.freeze();
    }
    recent_[0] = recent_[1] = 0;
}

ViewRef ViewBuilder::freeze() const {
    View* view = new View;
    view->space_ = space_;
    view->id_ = next_view_id.fetch_add(1, std::memory_order_relaxed);
    view->parents_[0] = recent_[0];
    view->parents_[1] = recent_[1];
    view->seen_ = seen_;
    view->fenced_ = fenced_;
    view->fenced_.resize(seen_.size(), 0);
    view->foreign_ = foreign_;
    return ViewRef(view);
}

ViewRef join_views(std::uint32_t space, const ViewRef& a, const ViewRef& b) {
    if (!a) {
        if (!b || b->space() == space)
            return b;
    } else if (!b || a->contains(b->id())) {
        return a;
    } else if (b->space() == space && b->contains(a->id())) {
        return b;
    }
    ViewBuilder builder(space);
    builder.add(a.get());
    builder.add(b.get());
    return builder.freeze();
}

} // namespace cudasim
