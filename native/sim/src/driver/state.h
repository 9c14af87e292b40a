// SPDX-License-Identifier: MIT
// Contexts, streams and events of the simulated driver.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/launch.h"
#include "driver/cuda_abi.h"
#include "memory/host_order.h"

namespace cudasim::driver {

class Stream;
struct Graph;
struct Progress;

struct Context {
    int device = 0;
    std::uint64_t number = next_number(); // of all contexts ever
    bool primary = false;
    std::atomic<int> references{0};
    std::atomic<CUresult> error{CUDA_SUCCESS}; // sticky, as after a fault of a real device
    std::string report;                        // what broke the context; guarded by state.cpp
    std::mutex mutex;
    std::vector<Stream*> streams;
    Stream* legacy = nullptr; // the null stream
    // Of streams that are gone: what a wait for the context has waited for all the same, what the
    // null stream comes after, and those whose last tasks may still run. Under state_mutex.
    HostView retired, retired_blocking;
    struct Ending {
        std::shared_ptr<Progress> progress;
        std::uint64_t position;
        bool blocking;
    };
    std::vector<Ending> ending;

    static std::uint64_t next_number();
};

using Task = std::function<void()>;
// Work that can be enqueued now or kept in a graph: called with the stream it runs in, gives the
// task.
using Operation = std::function<Task(Stream&)>;
enum class NodeKind {
    Kernel = 0,
    Memcpy = 1,
    Memset = 2,
    Host = 3,
    Empty = 5,
    Alloc = 10,
    Free = 11
};

// Capture of a stream (or of several that were joined to it by events).
struct Capture {
    std::shared_ptr<Graph> graph;
    Stream* origin = nullptr;
    CUresult error = CUDA_SUCCESS;
};

// The tasks of a stream and how far they have come. Outlives the stream for those that wait for it,
// and for its thread, in which a task may destroy the stream.
struct Progress {
    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t enqueued = 0, done = 0;
    std::deque<Task> tasks;
    bool stop = false;

    void wait_until(std::uint64_t position) {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return done >= position; });
    }
    bool idle() {
        std::lock_guard<std::mutex> lock(mutex);
        return done == enqueued;
    }
};

class Stream {
  public:
    Stream(Context& context, unsigned flags, int priority);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    Context& context() { return context_; }
    unsigned flags() const { return flags_; }
    int priority() const { return priority_; }
    bool blocking() const { return (flags_ & 1) == 0; }

    void enqueue(Task task);
    void synchronize();
    bool idle();
    const std::shared_ptr<Progress>& progress() { return progress_; }
    std::uint64_t tail();
    bool capturing(); // takes state_mutex

    // The next operation's place in the order of all work, and what it can see. Under state_mutex.
    Stamp next_stamp(HostView* visible);

    HostView view; // what the next operation sees, under state_mutex
    Stamp last;    // the last operation
    bool last_is_kernel = false;
    std::uint64_t last_kernel_sees = 0; // how far the last kernel sees this stream from its start
    std::shared_ptr<Capture> capture;   // under state_mutex, as the next
    std::vector<std::size_t> capture_tail; // nodes that the next captured one depends on
    // Held from an operation's place in the order of all work to its place in the queue: these
    // agree also when several host threads use the stream. Taken before all other mutexes.
    std::mutex submission;

  private:
    static void work(const std::shared_ptr<Progress>& progress, Context& context);

    Context& context_;
    unsigned flags_;
    int priority_;
    std::uint32_t id_;
    std::uint64_t sequence_ = 0;
    std::shared_ptr<Progress> progress_ =
        std::make_shared<Progress>(); // its mutex guards the thread too
    std::thread thread_;
};

// In the order in which they are taken: Stream::submission, state_mutex, EventState::mutex,
// Context::mutex, Progress::mutex.
extern std::mutex state_mutex;
extern std::atomic<bool> initialised;

// What the host has waited for: everything it enqueues sees that.
void host_saw(const HostView& view);
void merge(HostView& to, const HostView& from);

Context* current_context();
std::vector<Context*>& context_stack();
Context& primary_context(int device);
void synchronize_context(Context& context);

// A stream from its handle (null, 1 and 2 have meanings); null with an error code when there is
// none.
Stream* resolve_stream(void* handle, CUresult* error);

// Enqueues or captures.
CUresult submit(void* stream, NodeKind kind, Operation operation);

// The code of the exception in hand.
CUresult error_of_exception();

// No exception leaves the library: entry points that answer with a code are function-try-blocks
// that end with this.
#define CUDASIM_CATCH                                                                              \
    catch (...) {                                                                                  \
        return cudasim::driver::error_of_exception();                                              \
    }

// Context, initialisation and sticky error in one; most entry points begin with it.
CUresult check_context(Context** context);

// The setting of DEEPINFRA_CUDASIM_CHECKS.
bool checks_enabled();

// The next operation of a stream as an agent of the host. Takes state_mutex.
HostAgent make_agent(Stream& stream, std::string name);
// The host program itself, with all that it has waited for. Later work sees what it does now.
HostAgent host_agent(std::string name, int device);

// The task of an operation on memory, skipped in a broken context. A fault breaks the context.
Task guarded(Stream& stream, std::function<void()> body);

// A launch failed: keeps the report, prints it and breaks the context.
void fail_context(Context& context, const Report& report);
// Something went wrong that no context suffers from.
void keep_report(const Report& report);
// What broke the current context; what broke any context last if the current one works.
std::string last_report();
// Lets a broken context work again.
void repair_context(Context& context);

double now_milliseconds();

} // namespace cudasim::driver
