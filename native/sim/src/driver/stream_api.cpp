// SPDX-License-Identifier: MIT
#include <algorithm>

#include "driver/graph.h"

using namespace cudasim;
using namespace cudasim::driver;

CUDASIM_API CUresult cuStreamCreateWithPriority(void** stream, unsigned flags, int priority) {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    if (stream == nullptr || flags > 1)
        return CUDA_ERROR_INVALID_VALUE;
    *stream = new Stream(*context, flags, priority);
    return CUDA_SUCCESS;
}

CUDASIM_API CUresult cuStreamCreate(void** stream, unsigned flags) {
    return cuStreamCreateWithPriority(stream, flags, 0);
}

CUDASIM_API CUresult cuStreamDestroy_v2(void* stream) {
    if (reinterpret_cast<std::uintptr_t>(stream) <= 2)
        return CUDA_ERROR_INVALID_HANDLE;
    delete static_cast<Stream*>(stream);
    return CUDA_SUCCESS;
}

CUDASIM_API CUresult cuStreamSynchronize(void* handle) {
    CUresult error;
    Stream* stream = resolve_stream(handle, &error);
    if (stream == nullptr)
        return error;
    if (stream->capture)
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    stream->synchronize();
    return stream->context().error.load();
}

CUDASIM_API CUresult cuStreamQuery(void* handle) {
    CUresult error;
    Stream* stream = resolve_stream(handle, &error);
    if (stream == nullptr)
        return error;
    if (stream->capture)
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (!stream->idle())
        return CUDA_ERROR_NOT_READY;
    return stream->context().error.load();
}

CUDASIM_API CUresult cuStreamGetPriority(void* handle, int* priority) {
    CUresult error;
    Stream* stream = resolve_stream(handle, &error);
    if (stream == nullptr)
        return error;
    *priority = stream->priority();
    return CUDA_SUCCESS;
}

CUDASIM_API CUresult cuStreamGetFlags(void* handle, unsigned* flags) {
    CUresult error;
    Stream* stream = resolve_stream(handle, &error);
    if (stream == nullptr)
        return error;
    *flags = stream->flags();
    return CUDA_SUCCESS;
}

CUDASIM_API CUresult cuStreamGetCtx(void* handle, void** context) {
    CUresult error;
    Stream* stream = resolve_stream(handle, &error);
    if (stream == nullptr)
        return error;
    *context = &stream->context();
    return CUDA_SUCCESS;
}

CUDASIM_API CUresult cuStreamWaitEvent(void* handle, void* event, unsigned) {
    CUresult error;
    Stream* stream = resolve_stream(handle, &error);
    if (stream == nullptr)
        return error;
    if (event == nullptr)
        return CUDA_ERROR_INVALID_HANDLE;
    std::shared_ptr<EventState> state = static_cast<Event*>(event)->state;
    std::uint64_t record;
    {
        std::lock_guard<std::mutex> global(state_mutex);
        std::lock_guard<std::mutex> lock(state->mutex);
        if (state->graph) {
            // The event was recorded in a capture: the waiting stream joins it.
            if (!stream->capture) {
                std::lock_guard<std::mutex> streams(state->context->mutex);
                for (Stream* other : state->context->streams) {
                    if (other->capture && other->capture->graph == state->graph)
                        stream->capture = other->capture;
                }
                if (!stream->capture)
                    return CUDA_ERROR_CAPTURED_EVENT;
                stream->capture_tail.clear();
            } else if (stream->capture->graph != state->graph) {
                stream->capture->error = CUDA_ERROR_STREAM_CAPTURE_MERGE;
                return CUDA_ERROR_STREAM_CAPTURE_MERGE;
            }
            for (std::size_t n : state->nodes) {
                auto& tail = stream->capture_tail;
                if (std::find(tail.begin(), tail.end(), n) == tail.end())
                    tail.push_back(n);
            }
            return CUDA_SUCCESS;
        }
        if (stream->capture) {
            stream->capture->error = CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
            return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
        }
        record = state->recorded;
        merge(stream->view, state->view);
    }
    if (record == 0)
        return CUDA_SUCCESS;
    stream->enqueue([state, record] {
        std::unique_lock<std::mutex> lock(state->mutex);
        state->changed.wait(lock, [&] { return state->completed >= record; });
    });
    return CUDA_SUCCESS;
}

CUDASIM_API CUresult cuLaunchHostFunc(void* stream, void (*function)(void*), void* data) {
    if (function == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    return submit(stream, NodeKind::Host, [function, data](Stream& s) -> Task {
        Context* context = &s.context();
        return [context, function, data] {
            // Not called after a fault of the context, as on hardware.
            if (context->error.load() == CUDA_SUCCESS)
                function(data);
        };
    });
}

CUDASIM_API CUresult cuEventCreate(void** event, unsigned flags) {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    if (event == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    auto* created = new Event;
    created->state->context = context;
    created->state->timing = (flags & 2) == 0;
    *event = created;
    return CUDA_SUCCESS;
}

CUDASIM_API CUresult cuEventDestroy_v2(void* event) {
    if (event == nullptr)
        return CUDA_ERROR_INVALID_HANDLE;
    delete static_cast<Event*>(event);
    return CUDA_SUCCESS;
}

CUDASIM_API CUresult cuEventRecord(void* event, void* handle) {
    CUresult error;
    Stream* stream = resolve_stream(handle, &error);
    if (stream == nullptr)
        return error;
    if (event == nullptr)
        return CUDA_ERROR_INVALID_HANDLE;
    std::shared_ptr<EventState> state = static_cast<Event*>(event)->state;
    std::uint64_t record;
    {
        std::lock_guard<std::mutex> global(state_mutex);
        std::lock_guard<std::mutex> lock(state->mutex);
        if (stream->capture) {
            state->graph = stream->capture->graph;
            state->nodes = stream->capture_tail;
            return CUDA_SUCCESS;
        }
        state->graph.reset();
        record = ++state->recorded;
        state->view = stream->view;
    }
    stream->enqueue([state, record] {
        std::lock_guard<std::mutex> lock(state->mutex);
        state->completed = std::max(state->completed, record);
        state->completed_at = now_milliseconds();
        state->changed.notify_all();
    });
    return CUDA_SUCCESS;
}

CUDASIM_API CUresult cuEventQuery(void* event) {
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
        if (state.completed < state.recorded)
            return CUDA_ERROR_NOT_READY;
        view = state.view;
    }
    host_saw(view);
    return context->error.load();
}

CUDASIM_API CUresult cuEventSynchronize(void* event) {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    if (event == nullptr)
        return CUDA_ERROR_INVALID_HANDLE;
    EventState& state = *static_cast<Event*>(event)->state;
    HostView view;
    {
        std::unique_lock<std::mutex> lock(state.mutex);
        if (state.graph)
            return CUDA_ERROR_CAPTURED_EVENT;
        std::uint64_t record = state.recorded;
        view = state.view;
        state.changed.wait(lock, [&] { return state.completed >= record; });
    }
    host_saw(view);
    return context->error.load();
}

CUDASIM_API CUresult cuEventElapsedTime(float* milliseconds, void* start, void* end) {
    if (milliseconds == nullptr || start == nullptr || end == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    EventState* states[2] = {static_cast<Event*>(start)->state.get(),
                             static_cast<Event*>(end)->state.get()};
    double at[2];
    for (int i = 0; i < 2; ++i) {
        std::lock_guard<std::mutex> lock(states[i]->mutex);
        if (!states[i]->timing || states[i]->recorded == 0)
            return CUDA_ERROR_INVALID_HANDLE;
        if (states[i]->completed < states[i]->recorded)
            return CUDA_ERROR_NOT_READY;
        at[i] = states[i]->completed_at;
    }
    *milliseconds = static_cast<float>(at[1] - at[0]);
    return CUDA_SUCCESS;
}
