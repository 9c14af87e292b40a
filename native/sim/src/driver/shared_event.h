// SPDX-License-Identifier: MIT
// The part of an interprocess event that several processes map: which records there were, and which
// are complete. A process may end without completing what it recorded; whoever waits for that is
// told.
#pragma once

#include <pthread.h>

#include <cstdint>
#include <memory>

namespace cudasim::driver {

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
    // False if nobody is left who could complete the record or a later one.
    bool wait(std::uint64_t record);
    bool abandoned(std::uint64_t record);

  private:
    struct Marks;

    explicit SharedEvent(int file) : file_(file) {}
    int file_;
    Marks* marks_ = nullptr;
};

} // namespace cudasim::driver
