// SPDX-License-Identifier: MIT
#include "driver/state.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>
#include <system_error>

#include "driver/graph.h"
#include "memory/device_heap.h"

namespace cudasim::driver {

std::mutex state_mutex;
std::atomic<bool> initialised{false};

namespace {

HostView host_view;
std::string report_text;
std::mutex report_mutex;

// Numbers of streams that were destroyed: a later stream continues the sequence of one whose work
// the host has waited for.
struct FreeId {
    std::uint32_t id;
    std::uint64_t sequence;
};
std::vector<FreeId> free_ids;
std::uint32_t next_id = kHostStream + 1;

struct Primaries {
    Context contexts[kMaxDevices];

    Primaries() {
        for (int d = 0; d < kMaxDevices; ++d) {
            contexts[d].device = d;
            contexts[d].primary = true;
        }
    }
};
Primaries& primaries() {
    static auto* all = new Primaries;
    return *all;
}

} // namespace

double now_milliseconds() {
    using namespace std::chrono;
    return duration<double, std::milli>(steady_clock::now().time_since_epoch()).count();
}

void merge(HostView& to, const HostView& from) {
    if (to.size() < from.size())
        to.resize(from.size(), 0);
    for (std::size_t i = 0; i < from.size(); ++i)
        to[i] = std::max(to[i], from[i]);
}

bool checks_enabled() {
    const char* text = std::getenv("DEEPINFRA_CUDASIM_CHECKS");
    return text == nullptr || std::atoi(text) != 0;
}

HostAgent make_agent(Stream& stream, std::string name) {
    HostAgent agent;
    agent.name = std::move(name);
    agent.device = stream.context().device;
    std::lock_guard<std::mutex> lock(state_mutex);
    agent.stamp = stream.next_stamp(&agent.visible);
    return agent;
}

HostAgent host_agent(std::string name, int device) {
    HostAgent agent;
    agent.name = std::move(name);
    agent.device = device;
    std::lock_guard<std::mutex> lock(state_mutex);
    if (host_view.empty())
        host_view.resize(kHostStream + 1, 0);
    agent.visible = host_view;
    agent.stamp = {kHostStream, ++host_view[kHostStream]};
    return agent;
}

Task guarded(Stream& stream, std::function<void()> body) {
    Context* context = &stream.context();
    return [context, body = std::move(body)] {
        if (context->error.load() != CUDA_SUCCESS)
            return;
        try {
            body();
        } catch (const HostFault& fault) {
            fail_context(*context, fault.report);
        }
    };
}

CUresult error_of_exception() {
    try {
        throw;
    } catch (const std::bad_alloc&) {
        return CUDA_ERROR_OUT_OF_MEMORY;
    } catch (const std::system_error&) { // no more threads
        return CUDA_ERROR_OPERATING_SYSTEM;
    } catch (...) {
        return CUDA_ERROR_UNKNOWN;
    }
}

void host_saw(const HostView& view) {
    std::lock_guard<std::mutex> lock(state_mutex);
    merge(host_view, view);
}

std::vector<Context*>& context_stack() {
    thread_local std::vector<Context*> stack;
    return stack;
}

Context* current_context() {
    auto& stack = context_stack();
    return stack.empty() ? nullptr : stack.back();
}

Context& primary_context(int device) { return primaries().contexts[device]; }

std::uint64_t Context::next_number() {
    static std::atomic<std::uint64_t> count{0};
    return ++count;
}

CUresult check_context(Context** context) {
    if (!initialised.load(std::memory_order_acquire))
        return CUDA_ERROR_NOT_INITIALIZED;
    Context* c = current_context();
    if (c == nullptr)
        return CUDA_ERROR_INVALID_CONTEXT;
    *context = c;
    return c->error.load(std::memory_order_acquire);
}

void fail_context(Context& context, const Report& report) {
    CUresult code = CUDA_ERROR_LAUNCH_FAILED;
    const std::string& kind = report.kind;
    if (kind.find("out of bounds") != std::string::npos || kind == "use after free" ||
        kind == "invalid address" || kind == "no peer access") {
        code = CUDA_ERROR_ILLEGAL_ADDRESS;
    } else if (kind == "misaligned address") {
        code = CUDA_ERROR_MISALIGNED_ADDRESS;
    } else if (kind == "device assertion") {
        code = CUDA_ERROR_ASSERT;
    } else if (kind == "deadlock") {
        code = CUDA_ERROR_LAUNCH_TIMEOUT;
    } else if (kind == kOutOfHostMemory) {
        code = CUDA_ERROR_OUT_OF_MEMORY;
    }
    {
        std::lock_guard<std::mutex> lock(report_mutex);
        report_text = report.text;
        if (context.report.empty())
            context.report = report.text;
    }
    std::fputs(report.text.c_str(), stderr);
    CUresult none = CUDA_SUCCESS;
    context.error.compare_exchange_strong(none, code);
}

void keep_report(const Report& report) {
    std::lock_guard<std::mutex> lock(report_mutex);
    report_text = report.text;
    std::fputs(report.text.c_str(), stderr);
}

std::string last_report() {
    Context* context = current_context();
    std::lock_guard<std::mutex> lock(report_mutex);
    return context != nullptr && !context->report.empty() ? context->report : report_text;
}

void repair_context(Context& context) {
    {
        std::lock_guard<std::mutex> lock(report_mutex);
        context.report.clear();
    }
    context.error.store(CUDA_SUCCESS);
}

Stream::Stream(Context& context, unsigned flags, int priority)
    : context_(context), flags_(flags), priority_(priority) {
    {
        std::lock_guard<std::mutex> lock(state_mutex);
        // What has a stream's number comes after all that had it before: that must be true already.
        auto free = std::find_if(free_ids.begin(), free_ids.end(), [](const FreeId& f) {
            return f.id < host_view.size() && host_view[f.id] >= f.sequence;
        });
        if (free == free_ids.end()) {
            id_ = next_id++;
        } else {
            id_ = free->id;
            sequence_ = free->sequence;
            view.resize(id_ + 1, 0);
            view[id_] = sequence_;
            free_ids.erase(free);
        }
        last = {id_, sequence_};
    }
    std::lock_guard<std::mutex> lock(context.mutex);
    context.streams.push_back(this);
}

Stream::~Stream() {
    // A host function that destroys its stream may run before whoever enqueued it is done here.
    { std::lock_guard<std::mutex> last(submission); }
    {
        std::lock_guard<std::mutex> lock(progress_->mutex);
        progress_->stop = true;
    }
    progress_->changed.notify_all();
    // A host function may destroy the stream that it runs in.
    const bool running = thread_.joinable() && thread_.get_id() == std::this_thread::get_id();
    if (running) {
        thread_.detach();
    } else if (thread_.joinable()) {
        thread_.join();
    }
    // At once: until here others wait for it as for any stream, from here for what it leaves.
    std::lock_guard<std::mutex> global(state_mutex);
    std::lock_guard<std::mutex> lock(context_.mutex);
    auto& all = context_.streams;
    all.erase(std::remove(all.begin(), all.end(), this), all.end());
    try {
        if (running)
            context_.ending.push_back({progress_, tail(), blocking()});
        merge(context_.retired, view);
        if (blocking())
            merge(context_.retired_blocking, view);
        free_ids.push_back({id_, sequence_});
    } catch (
        const std::bad_alloc&) { // nobody waits for its last tasks; its number is not used again
    }
}

void Stream::enqueue(Task task) {
    {
        std::lock_guard<std::mutex> lock(progress_->mutex);
        // First of all the thread: without one nothing would ever end what is enqueued.
        if (!thread_.joinable()) {
            thread_ = std::thread([progress = progress_, &context = context_] {
                work(progress, context);
                forget_thread_caches();
            });
        }
        progress_->tasks.push_back(std::move(task));
        ++progress_->enqueued;
    }
    progress_->changed.notify_all();
}

void Stream::work(const std::shared_ptr<Progress>& progress, Context& context) {
    std::unique_lock<std::mutex> lock(progress->mutex);
    for (;;) {
        progress->changed.wait(lock, [&] { return progress->stop || !progress->tasks.empty(); });
        if (progress->tasks.empty())
            return; // stopped, and everything enqueued is done
        Task task = std::move(progress->tasks.front());
        progress->tasks.pop_front();
        lock.unlock();
        try {
            task();
        } catch (...) {
            CUresult none = CUDA_SUCCESS;
            context.error.compare_exchange_strong(none, error_of_exception());
        }
        task = nullptr;
        lock.lock();
        ++progress->done;
        progress->changed.notify_all();
    }
}

bool Stream::capturing() {
    std::lock_guard<std::mutex> lock(state_mutex);
    return capture != nullptr;
}

std::uint64_t Stream::tail() {
    std::lock_guard<std::mutex> lock(progress_->mutex);
    return progress_->enqueued;
}

void Stream::synchronize() {
    HostView seen;
    {
        std::lock_guard<std::mutex> lock(state_mutex);
        seen = view;
    }
    progress_->wait_until(tail());
    host_saw(seen);
}

bool Stream::idle() {
    HostView seen;
    {
        std::lock_guard<std::mutex> lock(state_mutex);
        seen = view;
    }
    if (!progress_->idle())
        return false;
    host_saw(seen);
    return true;
}

Stamp Stream::next_stamp(HostView* visible) {
    merge(view, host_view);
    if (visible != nullptr)
        *visible = view;
    last = {id_, ++sequence_};
    if (view.size() <= id_)
        view.resize(id_ + 1, 0);
    view[id_] = sequence_;
    last_is_kernel = false;
    return last;
}

namespace {

// How far a stream has come to be filled: all that others need of it, who must not touch it outside
// the mutexes because its owner may destroy it.
struct Point {
    std::shared_ptr<Progress> progress;
    std::uint64_t position;
    HostView view;
};

// Under state_mutex and the mutex of its context.
Point point_of(Stream& stream) { return {stream.progress(), stream.tail(), stream.view}; }

} // namespace

void synchronize_context(Context& context) {
    std::vector<Point> points;
    {
        std::lock_guard<std::mutex> global(state_mutex);
        std::lock_guard<std::mutex> lock(context.mutex);
        for (Stream* s : context.streams)
            points.push_back(point_of(*s));
        std::erase_if(context.ending, [](const auto& e) { return e.progress->idle(); });
        for (const Context::Ending& e : context.ending)
            points.push_back({e.progress, e.position, {}});
        points.push_back({nullptr, 0, context.retired});
    }
    for (const Point& p : points) {
        if (p.progress == nullptr)
            continue;
        p.progress->wait_until(p.position);
        host_saw(p.view);
    }
    host_saw(points.back().view); // when also the last of those that are gone have ended
}

namespace {

Stream& legacy_stream(Context& context) {
    static std::mutex creation;
    std::lock_guard<std::mutex> lock(creation);
    {
        std::lock_guard<std::mutex> streams(context.mutex);
        if (context.legacy != nullptr)
            return *context.legacy;
    }
    auto* created = new Stream(context, 0, 0);
    std::lock_guard<std::mutex> streams(context.mutex);
    context.legacy = created;
    return *created;
}

// The streams of this host thread, one per context.
struct ThreadStreams {
    struct Entry {
        std::uint64_t context = 0; // its number: another one may have the same address later
        Stream* stream = nullptr;
    };
    std::map<Context*, Entry> entries;

    // Those of other contexts go with their contexts.
    ~ThreadStreams() {
        for (auto& [context, entry] : entries) {
            if (is_primary(context))
                delete entry.stream;
        }
    }
    static bool is_primary(const Context* context) {
        for (const Context& c : primaries().contexts) {
            if (&c == context)
                return true;
        }
        return false;
    }
};

Stream& thread_stream(Context& context) {
    thread_local ThreadStreams streams;
    ThreadStreams::Entry& entry = streams.entries[&context];
    if (entry.context != context.number)
        entry = {context.number, new Stream(context, 0, 0)};
    return *entry.stream;
}

// The null stream and blocking streams wait for each other: tasks that do so go in front.
void order_with_legacy(Stream& stream) {
    Context& context = stream.context();
    if (!stream.blocking())
        return;
    std::vector<Point> others;
    {
        std::lock_guard<std::mutex> global(state_mutex);
        std::lock_guard<std::mutex> lock(context.mutex);
        if (&stream == context.legacy) {
            for (Stream* s : context.streams) {
                if (s != &stream && s->blocking())
                    others.push_back(point_of(*s));
            }
            for (const Context::Ending& e : context.ending) {
                if (e.blocking)
                    others.push_back({e.progress, e.position, {}});
            }
            merge(stream.view, context.retired_blocking);
        } else if (context.legacy != nullptr) {
            others.push_back(point_of(*context.legacy));
        }
        for (const Point& other : others)
            merge(stream.view, other.view);
    }
    for (const Point& other : others) {
        if (!other.progress->idle()) {
            stream.enqueue([progress = other.progress, position = other.position] {
                progress->wait_until(position);
            });
        }
    }
}

} // namespace

Stream* resolve_stream(void* handle, CUresult* error) {
    Context* context = nullptr;
    *error = check_context(&context);
    if (*error != CUDA_SUCCESS)
        return nullptr;
    auto number = reinterpret_cast<std::uintptr_t>(handle);
    if (number <= 1)
        return &legacy_stream(*context);
    if (number == 2)
        return &thread_stream(*context);
    auto* stream = static_cast<Stream*>(handle);
    *error = stream->context().error.load();
    return *error == CUDA_SUCCESS ? stream : nullptr;
}

CUresult submit(void* handle, NodeKind kind, Operation operation) {
    CUresult error;
    Stream* stream = resolve_stream(handle, &error);
    if (stream == nullptr)
        return error;
    std::lock_guard<std::mutex> submission(stream->submission);
    {
        std::lock_guard<std::mutex> lock(state_mutex);
        if (stream->capture) {
            add_captured(*stream, kind, std::move(operation));
            return CUDA_SUCCESS;
        }
    }
    order_with_legacy(*stream);
    stream->enqueue(operation(*stream));
    return CUDA_SUCCESS;
}

} // namespace cudasim::driver
