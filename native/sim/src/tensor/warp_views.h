// SPDX-License-Identifier: MIT
// Memory accesses that several threads make as one: ordered after what each of them has seen.
#pragma once

#include <vector>

#include "core/model.h"
#include "core/report.h"
#include "memory/access.h"
#include "memory/shadow.h"

namespace cudasim {

// The distinct views of a run of threads; mostly one.
class SharedViews {
  public:
    SharedViews(const Thread* threads, unsigned count, std::uint32_t lanes = kFullMask) {
        for (unsigned i = 0; i < count; ++i) {
            if ((lanes >> (i % kWarpSize) & 1) == 0)
                continue;
            const View* view = threads[i].view.get();
            bool known = false;
            for (const View* v : views_)
                known = known || v == view;
            if (!known)
                views_.push_back(view);
        }
    }

    void read(Thread* t, const void* caller, Epoch epoch, const void* p, std::size_t bytes,
              bool async, const char* what) const {
        Cluster& cluster = *t->block->cluster;
        if (!t->block->checks)
            return;
        Access access;
        access.thread = t;
        access.caller = caller;
        access.epoch = epoch;
        access.async = async;
        access.what = what;
        access.collective = true;
        for (const View* v : views_) {
            access.view = v;
            cluster.shadow->read(access, p, bytes);
        }
    }

  private:
    std::vector<const View*> views_;
};

} // namespace cudasim
