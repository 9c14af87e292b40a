// SPDX-License-Identifier: MIT
#include "driver/event.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "driver/graph.h"

namespace cudasim::driver {

void EventState::complete(std::uint64_t record) {
    std::lock_guard<std::mutex> lock(mutex);
    completed_at = now_milliseconds();
    if (shared) {
        shared->complete(record);
        return;
    }
    completed_ = std::max(completed_, record);
    changed_.notify_all();
}

bool EventState::wait_for(std::uint64_t record) {
    std::shared_ptr<SharedEvent> marks;
    {
        std::unique_lock<std::mutex> lock(mutex);
        if (!shared) {
            changed_.wait(lock, [&] { return completed_ >= record; });
            return true;
        }
        marks = shared;
    }
    return marks->wait(record);
}

Report abandoned_event() {
    return {
        "event of an ended process",
        "cudasim: the process that recorded this interprocess event has ended before the work in "
        "front of the event was done: it will never be complete\n"};
}

namespace {

enum : unsigned { kEventBlockingSync = 1, kEventNoTiming = 2, kEventInterprocess = 4 };

// Which file of which process holds the marks.
struct IpcEventHandle {
    std::uint64_t magic;
    std::int32_t process, file;
    std::uint64_t inode;
    std::uint8_t rest[40];
};
static_assert(sizeof(IpcEventHandle) == 64, "a CUipcEventHandle has 64 bytes");
constexpr std::uint64_t kIpcMagic = 0x44495f4950434531ULL;

} // namespace
} // namespace cudasim::driver

using namespace cudasim;
using namespace cudasim::driver;

CUDASIM_API CUresult cuEventCreate(void** event, unsigned flags) try {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    if (event == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    if ((flags & ~(kEventBlockingSync | kEventNoTiming | kEventInterprocess)) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if ((flags & kEventInterprocess) != 0 && (flags & kEventNoTiming) == 0)
        return CUDA_ERROR_INVALID_VALUE; // events that processes share have no time
    auto created = std::make_unique<Event>();
    created->state->context = context;
    created->state->timing = (flags & kEventNoTiming) == 0;
    if ((flags & kEventInterprocess) != 0) {
        created->state->shared = SharedEvent::create();
        if (!created->state->shared)
            return CUDA_ERROR_OPERATING_SYSTEM;
    }
    *event = created.release();
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuEventDestroy_v2(void* event) try {
    if (event == nullptr)
        return CUDA_ERROR_INVALID_HANDLE;
    delete static_cast<Event*>(event);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuEventRecord(void* event, void* handle) try {
    CUresult error;
    Stream* stream = resolve_stream(handle, &error);
    if (stream == nullptr)
        return error;
    if (event == nullptr)
        return CUDA_ERROR_INVALID_HANDLE;
    std::shared_ptr<EventState> state = static_cast<Event*>(event)->state;
    std::uint64_t record;
    std::lock_guard<std::mutex> submission(stream->submission);
    {
        std::lock_guard<std::mutex> global(state_mutex);
        std::lock_guard<std::mutex> lock(state->mutex);
        if (stream->capture) {
            state->graph = stream->capture->graph;
            state->nodes = stream->capture_tail;
            return CUDA_SUCCESS;
        }
        HostView seen = stream->view;
        state->graph.reset();
        record = state->begin_record();
        state->view = std::move(seen);
    }
    try {
        stream->enqueue([state, record] { state->complete(record); });
    } catch (...) {
        state->complete(record); // nobody else will
        throw;
    }
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuEventQuery(void* event) try {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    if (event == nullptr)
        return CUDA_ERROR_INVALID_HANDLE;
    EventState& state = *static_cast<Event*>(event)->state;
    HostView view;
    {
        std::lock_guard<std::mutex> lock(state.mutex);
        if (state.graph)
            return CUDA_ERROR_CAPTURED_EVENT;
        std::uint64_t record = state.recorded();
        if (!state.done(record)) {
            if (!state.abandoned(record))
                return CUDA_ERROR_NOT_READY;
            keep_report(abandoned_event());
            return CUDA_ERROR_OPERATING_SYSTEM;
        }
        view = state.view;
    }
    host_saw(view);
    return context->error.load();
}
CUDASIM_CATCH

CUDASIM_API CUresult cuEventSynchronize(void* event) try {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    if (event == nullptr)
        return CUDA_ERROR_INVALID_HANDLE;
    EventState& state = *static_cast<Event*>(event)->state;
    HostView view;
    std::uint64_t record;
    {
        std::lock_guard<std::mutex> lock(state.mutex);
        if (state.graph)
            return CUDA_ERROR_CAPTURED_EVENT;
        record = state.recorded();
        view = state.view;
    }
    if (!state.wait_for(record)) {
        keep_report(abandoned_event());
        return CUDA_ERROR_OPERATING_SYSTEM;
    }
    host_saw(view);
    return context->error.load();
}
CUDASIM_CATCH

CUDASIM_API CUresult cuEventElapsedTime(float* milliseconds, void* start, void* end) try {
    if (milliseconds == nullptr || start == nullptr || end == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    EventState* states[2] = {static_cast<Event*>(start)->state.get(),
                             static_cast<Event*>(end)->state.get()};
    double at[2];
    for (int i = 0; i < 2; ++i) {
        std::lock_guard<std::mutex> lock(states[i]->mutex);
        if (!states[i]->timing || states[i]->recorded() == 0)
            return CUDA_ERROR_INVALID_HANDLE;
        if (!states[i]->done(states[i]->recorded()))
            return CUDA_ERROR_NOT_READY;
        at[i] = states[i]->completed_at;
    }
    *milliseconds = static_cast<float>(at[1] - at[0]);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuIpcGetEventHandle(IpcEventHandle* handle, void* event) try {
    if (handle == nullptr || event == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    const EventState& state = *static_cast<Event*>(event)->state;
    struct stat status;
    if (!state.shared || fstat(state.shared->file(), &status) != 0)
        return CUDA_ERROR_INVALID_HANDLE; // not made for other processes
    std::memset(handle, 0, sizeof *handle);
    handle->magic = kIpcMagic;
    handle->process = getpid();
    handle->file = state.shared->file();
    handle->inode = status.st_ino;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuIpcOpenEventHandle(void** event, IpcEventHandle handle) try {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    if (event == nullptr || handle.magic != kIpcMagic)
        return CUDA_ERROR_INVALID_VALUE;
    if (handle.process == getpid())
        return CUDA_ERROR_INVALID_CONTEXT; // not in the exporting process
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/fd/%d", handle.process, handle.file);
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return CUDA_ERROR_INVALID_VALUE;
    struct stat status;
    if (fstat(file, &status) != 0 || status.st_ino != handle.inode) {
        close(file); // the event is gone and its number has another use
        return CUDA_ERROR_INVALID_VALUE;
    }
    auto created = std::make_unique<Event>();
    created->state->context = context;
    created->state->timing = false;
    created->state->shared = SharedEvent::open(file);
    if (!created->state->shared)
        return CUDA_ERROR_OPERATING_SYSTEM;
    *event = created.release();
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
