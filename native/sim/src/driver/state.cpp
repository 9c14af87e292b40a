// SPDX-License-Identifier: MIT
#include "driver/state.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "driver/graph.h"
#include "memory/device_heap.h"

namespace cudasim::driver {

std::mutex state_mutex;
std::atomic<bool> initialised{false};

namespace {

HostView host_view;
std::string report_text;
std::mutex report_mutex;

// Numbers of streams that were destroyed: a later stream continues one's sequence.
struct FreeId {
    std::uint32_t id;
    std::uint64_t sequence;
};
std::vector<FreeId> free_ids;
std::uint32_t next_id = kHostStream + 1;

struct Primaries {
    Context contexts[kMaxDevices];
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

Context& primary_context(int device) {
    Context& c = primaries().contexts[device];
    c.device = device;
    c.primary = true;
    return c;
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
        if (free_ids.empty()) {
            id_ = next_id++;
        } else {
            id_ = free_ids.back().id;
            sequence_ = free_ids.back().sequence;
            free_ids.pop_back();
            view.resize(id_ + 1, 0);
            view[id_] = sequence_;
        }
        last = {id_, sequence_};
    }
    std::lock_guard<std::mutex> lock(context.mutex);
    context.streams.push_back(this);
}

Stream::~Stream() {
    {
        std::lock_guard<std::mutex> lock(context_.mutex);
        auto& all = context_.streams;
        all.erase(std::remove(all.begin(), all.end(), this), all.end());
    }
    {
        std::lock_guard<std::mutex> lock(progress_->mutex);
        stop_ = true;
    }
    progress_->changed.notify_all();
    if (thread_.joinable()) {
        // A host function may destroy the stream that it runs in.
        if (thread_.get_id() == std::this_thread::get_id()) {
            thread_.detach();
        } else {
            thread_.join();
        }
    }
    std::lock_guard<std::mutex> lock(state_mutex);
    free_ids.push_back({id_, sequence_});
}

void Stream::enqueue(Task task) {
    {
        std::lock_guard<std::mutex> lock(progress_->mutex);
        tasks_.push_back(std::move(task));
        ++progress_->enqueued;
        if (!thread_.joinable())
            thread_ = std::thread([this] { work(); });
    }
    progress_->changed.notify_all();
}

void Stream::work() {
    std::unique_lock<std::mutex> lock(progress_->mutex);
    for (;;) {
        progress_->changed.wait(lock, [this] { return stop_ || !tasks_.empty(); });
        if (tasks_.empty())
            return; // stopped, and everything enqueued is done
        Task task = std::move(tasks_.front());
        tasks_.pop_front();
        lock.unlock();
        task();
        task = nullptr;
        lock.lock();
        ++progress_->done;
        progress_->changed.notify_all();
    }
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

void synchronize_context(Context& context) {
    std::vector<Stream*> all;
    {
        std::lock_guard<std::mutex> lock(context.mutex);
        all = context.streams;
    }
    for (Stream* s : all)
        s->synchronize();
}

namespace {

Stream& legacy_stream(Context& context) {
    static std::mutex creation;
    std::lock_guard<std::mutex> lock(creation);
    if (context.legacy == nullptr)
        context.legacy = new Stream(context, 0, 0);
    return *context.legacy;
}

Stream& thread_stream(Context& context) {
    thread_local std::map<Context*, Stream*> streams;
    Stream*& s = streams[&context];
    if (s == nullptr)
        s = new Stream(context, 0, 0);
    return *s;
}

// The null stream and blocking streams wait for each other: tasks that do so go in front.
void order_with_legacy(Stream& stream) {
    Context& context = stream.context();
    if (!stream.blocking())
        return;
    std::vector<Stream*> others;
    {
        std::lock_guard<std::mutex> lock(context.mutex);
        if (&stream == context.legacy) {
            for (Stream* s : context.streams) {
                if (s != &stream && s->blocking())
                    others.push_back(s);
            }
        } else if (context.legacy != nullptr) {
            others.push_back(context.legacy);
        }
    }
    for (Stream* other : others) {
        std::uint64_t position = other->tail();
        {
            std::lock_guard<std::mutex> lock(state_mutex);
            merge(stream.view, other->view);
        }
        std::shared_ptr<Progress> progress = other->progress();
        if (!progress->idle())
            stream.enqueue([progress, position] { progress->wait_until(position); });
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
    if (stream->capture) {
        std::lock_guard<std::mutex> lock(state_mutex);
        add_captured(*stream, kind, std::move(operation));
        return CUDA_SUCCESS;
    }
    order_with_legacy(*stream);
    stream->enqueue(operation(*stream));
    return CUDA_SUCCESS;
}

} // namespace cudasim::driver
