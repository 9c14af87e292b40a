// SPDX-License-Identifier: MIT
// Events: marks in streams, of this process or shared between processes.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "driver/state.h"

namespace cudasim::driver {

// The part of an event that several processes map.
struct SharedMarks {
    std::uint64_t recorded, completed; // numbers of records
    std::uint32_t changes;             // what waiters sleep on
    std::uint32_t pad;
};

class SharedEvent {
  public:
    // A new one, or that of a file; null on failure. Closes the file in the end.
    static std::shared_ptr<SharedEvent> create();
    static std::shared_ptr<SharedEvent> open(int file);
    ~SharedEvent();
    SharedEvent(const SharedEvent&) = delete;
    SharedEvent& operator=(const SharedEvent&) = delete;

    int file() const { return file_; }
    std::uint64_t begin_record();
    std::uint64_t recorded() const;
    std::uint64_t completed() const;
    void complete(std::uint64_t record);
    void wait(std::uint64_t record);

  private:
    explicit SharedEvent(int file) : file_(file) {}
    int file_;
    SharedMarks* marks_ = nullptr;
};

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
    void wait_for(std::uint64_t record); // takes the mutex

  private:
    std::condition_variable changed_;
    std::uint64_t recorded_ = 0, completed_ = 0;
};
struct Event {
    std::shared_ptr<EventState> state = std::make_shared<EventState>();
};

} // namespace cudasim::driver
