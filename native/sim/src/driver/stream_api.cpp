// SPDX-License-Identifier: MIT
#include <algorithm>

#include "driver/event.h"
#include "driver/graph.h"

using namespace cudasim;
using namespace cudasim::driver;

CUDASIM_API CUresult cuStreamCreateWithPriority(void** stream, unsigned flags, int priority) try {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    if (stream == nullptr || flags > 1)
        return CUDA_ERROR_INVALID_VALUE;
    *stream = new Stream(*context, flags, priority);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuStreamCreate(void** stream, unsigned flags) try {
    return cuStreamCreateWithPriority(stream, flags, 0);
}
CUDASIM_CATCH

CUDASIM_API CUresult cuStreamDestroy_v2(void* stream) try {
    if (reinterpret_cast<std::uintptr_t>(stream) <= 2)
        return CUDA_ERROR_INVALID_HANDLE;
    delete static_cast<Stream*>(stream);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuStreamSynchronize(void* handle) try {
    CUresult error;
    Stream* stream = resolve_stream(handle, &error);
    if (stream == nullptr)
        return error;
    if (stream->capturing())
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    stream->synchronize();
    return stream->context().error.load();
}
CUDASIM_CATCH

CUDASIM_API CUresult cuStreamQuery(void* handle) try {
    CUresult error;
    Stream* stream = resolve_stream(handle, &error);
    if (stream == nullptr)
        return error;
    if (stream->capturing())
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (!stream->idle())
        return CUDA_ERROR_NOT_READY;
    return stream->context().error.load();
}
CUDASIM_CATCH

CUDASIM_API CUresult cuStreamGetPriority(void* handle, int* priority) try {
    CUresult error;
    Stream* stream = resolve_stream(handle, &error);
    if (stream == nullptr)
        return error;
    *priority = stream->priority();
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuStreamGetFlags(void* handle, unsigned* flags) try {
    CUresult error;
    Stream* stream = resolve_stream(handle, &error);
    if (stream == nullptr)
        return error;
    *flags = stream->flags();
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuStreamGetCtx(void* handle, void** context) try {
    CUresult error;
    Stream* stream = resolve_stream(handle, &error);
    if (stream == nullptr)
        return error;
    *context = &stream->context();
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuStreamWaitEvent(void* handle, void* event, unsigned) try {
    CUresult error;
    Stream* stream = resolve_stream(handle, &error);
    if (stream == nullptr)
        return error;
    if (event == nullptr)
        return CUDA_ERROR_INVALID_HANDLE;
    std::shared_ptr<EventState> state = static_cast<Event*>(event)->state;
    std::uint64_t record;
    HostView seen;
    std::lock_guard<std::mutex> submission(stream->submission);
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
        record = state->recorded();
        if (record == 0)
            return CUDA_SUCCESS;
        seen = stream->view;
        merge(seen, state->view);
    }
    Context* context = &stream->context();
    stream->enqueue([state, record, context] {
        if (!state->wait_for(record))
            fail_context(*context, abandoned_event());
    });
    // Only a stream that waits is ordered; nobody else has changed its view since.
    std::lock_guard<std::mutex> global(state_mutex);
    stream->view = std::move(seen);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuLaunchHostFunc(void* stream, void (*function)(void*), void* data) try {
    if (function == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    return submit(stream, NodeKind::Host, [function, data](Stream& s) -> Task {
        Context* context = &s.context();
        HostView before;
        {
            std::lock_guard<std::mutex> lock(state_mutex);
            before = s.view;
        }
        return [context, function, data, before] {
            // Not called after a fault of the context, as on hardware.
            if (context->error.load() != CUDA_SUCCESS)
                return;
            host_saw(before); // whoever the function tells knows that all before it is done
            function(data);
        };
    });
}
CUDASIM_CATCH
