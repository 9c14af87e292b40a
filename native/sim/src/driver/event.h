// SPDX-License-Identifier: MIT
// Events: marks in streams, of this process or shared between processes.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "driver/shared_event.h"
#include "driver/state.h"

namespace cudasim::driver {

// What an event marks. Shared by the handle and by everything enqueued that mentions it.
struct EventState {
    Context* context = nullptr;
    bool timing = true;
    std::mutex mutex;        // of everything below
    double completed_at = 0; // milliseconds
    HostView view;           // of the last record of this process
    // Recorded while capturing: the graph and the nodes it stands for.
    std::shared_ptr<Graph> graph;
    std::vector<std::size_t> nodes;
    std::shared_ptr<SharedEvent> shared; // of an interprocess event

    std::uint64_t begin_record() { return shared ? shared->begin_record() : ++recorded_; }
    std::uint64_t recorded() const { return shared ? shared->recorded() : recorded_; }
    bool done(std::uint64_t record) const {
        return (shared ? shared->completed() : completed_) >= record;
    }
    void complete(std::uint64_t record); // takes the mutex
    // Takes the mutex. False if the process that recorded has ended before it was complete.
    bool wait_for(std::uint64_t record);
    bool abandoned(std::uint64_t record) { return shared && shared->abandoned(record); }

  private:
    std::condition_variable changed_;
    std::uint64_t recorded_ = 0, completed_ = 0;
};

// What to say of an event whose process has ended.
Report abandoned_event();

struct Event {
    std::shared_ptr<EventState> state = std::make_shared<EventState>();
};

} // namespace cudasim::driver
