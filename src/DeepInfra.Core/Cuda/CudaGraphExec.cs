// SPDX-License-Identifier: MIT
using DeepInfra.Core.Interop;

namespace DeepInfra.Core.Cuda;

/// <summary>An executable graph: one launch for all captured work. Not thread-safe.</summary>
public sealed unsafe class CudaGraphExec : IDisposable
{
    private readonly SafeGraphExecHandle _handle;

    internal CudaGraphExec(SafeGraphExecHandle handle) => _handle = handle;

    /// <summary>Enqueues the captured work. Launches of one graph do not overlap each other.</summary>
    /// <param name="stream">A stream of the same device.</param>
    /// <exception cref="ArgumentException">The stream is of another device.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    /// <exception cref="ObjectDisposedException">The graph or stream was disposed.</exception>
    public void Launch(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        if (stream.Context != _handle.Context)
            throw new ArgumentException(
                $"stream: expected a stream of {_handle.Context.Device.Device}, got one of {stream.Device}",
                nameof(stream)
            );
        using var use = stream.Use();
        _handle.Context.Check(
            stream.Api.GraphLaunch(_handle.Value, stream.SafeHandle.Value),
            "cuGraphLaunch"
        );
        // Disposing the graph right after a launch must not free memory under it.
        _handle.Record(stream.SafeHandle);
        DebugSync.AfterLaunch(stream, "graph");
    }

    /// <summary>
    /// Takes over parameters (addresses, sizes, grids) of a newly captured graph of the same topology; cheaper than instantiating
    /// it. On false nothing changed: instantiate the new graph instead.
    /// </summary>
    /// <param name="graph">The new graph.</param>
    /// <exception cref="CudaException">The driver fails otherwise.</exception>
    /// <exception cref="ObjectDisposedException">A graph was disposed.</exception>
    public bool TryUpdate(CudaGraph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        ObjectDisposedException.ThrowIf(graph.SafeHandle.IsClosed, graph);
        using var scope = _handle.Context.Enter();
        CudaGraphUpdateInfo info;
        var status = _handle.Context.Api.GraphExecUpdate(
            _handle.Value,
            graph.SafeHandle.Value,
            &info
        );
        if (status == CudaErrorCode.GraphExecUpdateFailure)
            return false;
        _handle.Context.Check(status, "cuGraphExecUpdate");
        _handle.Keep(graph.SafeHandle.References);
        return true;
    }

    /// <summary>Destroys it; a launch in flight goes on. A second call does nothing.</summary>
    public void Dispose() => _handle.Dispose();
}
