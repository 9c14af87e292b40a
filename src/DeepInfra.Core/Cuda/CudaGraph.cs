// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>Captured work that can be made executable. Not thread-safe.</summary>
/// <example>
/// <code>
/// stream.BeginCapture();
/// kernel.Launch(config, stream, (nint)x.DataPointer);
/// x.RecordStream(stream);
/// using var graph = stream.EndCapture();
/// using var exec = graph.Instantiate();
/// exec.Launch(stream);
/// </code>
/// </example>
public sealed unsafe class CudaGraph : IDisposable
{
    private readonly SafeGraphHandle _handle;

    internal CudaGraph(CudaContext context, nint graph, CaptureReferences references) =>
        _handle = new SafeGraphHandle(context, graph, references);

    /// <summary>Number of nodes: kernels, copies, fills.</summary>
    /// <exception cref="ObjectDisposedException">The graph was disposed.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    public int NodeCount
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
            using var scope = _handle.Context.Enter();
            nuint count = 0;
            _handle.Context.Check(
                _handle.Context.Api.GraphGetNodes(_handle.Value, null, &count),
                "cuGraphGetNodes"
            );
            return (int)count;
        }
    }

    internal SafeGraphHandle SafeHandle => _handle;

    /// <summary>Makes it executable.</summary>
    /// <exception cref="ObjectDisposedException">The graph was disposed.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    public CudaGraphExec Instantiate()
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        using var scope = _handle.Context.Enter();
        nint exec = 0;
        _handle.Context.Check(
            _handle.Context.Api.GraphInstantiateWithFlags(&exec, _handle.Value, 0),
            "cuGraphInstantiateWithFlags"
        );
        var result = new SafeGraphExecHandle(_handle.Context, exec);
        result.Keep(_handle.References);
        return new CudaGraphExec(result);
    }

    /// <summary>Destroys the graph; what was instantiated from it stays valid. A second call does nothing.</summary>
    public void Dispose() => _handle.Dispose();
}
