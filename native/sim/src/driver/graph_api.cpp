// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>
#include <utility>

#include "driver/graph.h"

namespace cudasim::driver {

void add_captured(Stream& stream, NodeKind kind, Operation operation) {
    Graph& graph = *stream.capture->graph;
    auto node = std::make_unique<GraphNode>();
    node->kind = kind;
    node->operation = std::move(operation);
    node->after = stream.capture_tail;
    graph.nodes.push_back(std::move(node));
    stream.capture_tail = {graph.nodes.size() - 1};
}

namespace {

struct GraphHandle {
    std::shared_ptr<Graph> graph;
};
struct GraphExec {
    std::shared_ptr<Graph> graph;
};

// Nodes were captured in an order that respects their dependencies; update keeps the order.
CUresult launch(GraphExec& exec, void* stream_handle) {
    std::shared_ptr<Graph> graph = exec.graph;
    for (const auto& node : graph->nodes) {
        if (!node->operation)
            continue;
        CUresult result = submit(stream_handle, node->kind, node->operation);
        if (result != CUDA_SUCCESS)
            return result;
    }
    return CUDA_SUCCESS;
}

bool same_topology(const Graph& a, const Graph& b) {
    return std::equal(
        a.nodes.begin(), a.nodes.end(), b.nodes.begin(), b.nodes.end(),
        [](const auto& x, const auto& y) { return x->kind == y->kind && x->after == y->after; });
}

} // namespace
} // namespace cudasim::driver

using namespace cudasim::driver;

CUDASIM_API CUresult cuStreamBeginCapture_v2(void* handle, int) try {
    CUresult error;
    Stream* stream = resolve_stream(handle, &error);
    if (stream == nullptr)
        return error;
    if (reinterpret_cast<std::uintptr_t>(handle) <= 1)
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    std::lock_guard<std::mutex> lock(state_mutex);
    if (stream->capture)
        return CUDA_ERROR_ILLEGAL_STATE;
    auto capture = std::make_shared<Capture>();
    capture->graph = std::make_shared<Graph>();
    capture->origin = stream;
    stream->capture = std::move(capture);
    stream->capture_tail.clear();
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuStreamEndCapture(void* handle, void** graph) try {
    CUresult error;
    Stream* stream = resolve_stream(handle, &error);
    if (stream == nullptr)
        return error;
    if (graph == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    *graph = nullptr;
    std::lock_guard<std::mutex> global(state_mutex);
    if (!stream->capture)
        return CUDA_ERROR_ILLEGAL_STATE;
    std::shared_ptr<Capture> capture = stream->capture;
    if (capture->origin != stream)
        return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
    bool unjoined = false;
    {
        std::lock_guard<std::mutex> lock(stream->context().mutex);
        for (Stream* other : stream->context().streams) {
            if (other == stream || other->capture != capture)
                continue;
            // Joined when the origin comes after everything that the other stream added.
            std::vector<bool> reached(capture->graph->nodes.size(), false);
            std::vector<std::size_t> todo = stream->capture_tail;
            while (!todo.empty()) {
                std::size_t n = todo.back();
                todo.pop_back();
                if (reached[n])
                    continue;
                reached[n] = true;
                for (std::size_t before : capture->graph->nodes[n]->after)
                    todo.push_back(before);
            }
            for (std::size_t n : other->capture_tail)
                unjoined = unjoined || !reached[n];
            other->capture.reset();
            other->capture_tail.clear();
        }
    }
    stream->capture.reset();
    stream->capture_tail.clear();
    if (unjoined)
        return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
    if (capture->error != CUDA_SUCCESS)
        return capture->error;
    *graph = new GraphHandle{capture->graph};
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuStreamIsCapturing(void* handle, int* status) try {
    CUresult error;
    Stream* stream = resolve_stream(handle, &error);
    if (stream == nullptr)
        return error;
    if (status == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    *status = stream->capturing() ? 1 : 0;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuGraphCreate(void** graph, unsigned flags) try {
    if (graph == nullptr || flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    *graph = new GraphHandle{std::make_shared<Graph>()};
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuGraphDestroy(void* graph) try {
    if (graph == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    delete static_cast<GraphHandle*>(graph);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuGraphGetNodes(void* graph, void** nodes, std::size_t* count) try {
    if (graph == nullptr || count == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    const Graph& g = *static_cast<GraphHandle*>(graph)->graph;
    if (nodes == nullptr) {
        *count = g.nodes.size();
        return CUDA_SUCCESS;
    }
    std::size_t given = std::min(*count, g.nodes.size());
    for (std::size_t i = 0; i < *count; ++i)
        nodes[i] = i < given ? g.nodes[i].get() : nullptr;
    *count = given;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuGraphNodeGetType(void* node, int* type) try {
    if (node == nullptr || type == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    *type = static_cast<int>(static_cast<GraphNode*>(node)->kind);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuGraphInstantiateWithFlags(void** exec, void* graph, unsigned long long) try {
    if (exec == nullptr || graph == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    *exec = new GraphExec{std::make_shared<Graph>()};
    Graph& to = *static_cast<GraphExec*>(*exec)->graph;
    for (const auto& node : static_cast<GraphHandle*>(graph)->graph->nodes) {
        to.nodes.push_back(std::make_unique<GraphNode>(*node));
    }
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

// cuGraphExecUpdate_v2: info is {int result, node, node}.
CUDASIM_API CUresult cuGraphExecUpdate_v2(void* exec, void* graph, void* info) try {
    if (exec == nullptr || graph == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    auto& e = *static_cast<GraphExec*>(exec);
    const Graph& g = *static_cast<GraphHandle*>(graph)->graph;
    bool same = same_topology(*e.graph, g);
    if (info != nullptr) {
        std::memset(info, 0, 24);
        int result = same ? 0 : 2; // CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED
        std::memcpy(info, &result, sizeof result);
    }
    if (!same)
        return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
    auto next = std::make_shared<Graph>();
    for (const auto& node : g.nodes)
        next->nodes.push_back(std::make_unique<GraphNode>(*node));
    e.graph = next;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuGraphLaunch(void* exec, void* stream) try {
    if (exec == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    return launch(*static_cast<GraphExec*>(exec), stream);
}
CUDASIM_CATCH

CUDASIM_API CUresult cuGraphUpload(void* exec, void*) try {
    return exec == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuGraphExecDestroy(void* exec) try {
    if (exec == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    delete static_cast<GraphExec*>(exec);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
