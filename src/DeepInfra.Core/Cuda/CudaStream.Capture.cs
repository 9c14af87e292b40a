// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

public sealed unsafe partial class CudaStream
{
    /// <summary>True while work on this stream is captured into a graph instead of run.</summary>
    /// <exception cref="ObjectDisposedException">The stream was disposed.</exception>
    public bool IsCapturing
    {
        get
        {
            using var use = Use();
            return _handle.IsCapturing;
        }
    }

    /// <summary>
    /// Begins to capture: work enqueued from now on, also on streams that wait for this one, becomes part of a graph. Tensors
    /// recorded on the stream meanwhile live as long as the graph.
    /// </summary>
    /// <param name="mode">What other threads may do meanwhile.</param>
    /// <exception cref="InvalidOperationException">The stream captures already, or is the default stream.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    /// <exception cref="ObjectDisposedException">The stream was disposed.</exception>
    public void BeginCapture(CudaCaptureMode mode = CudaCaptureMode.ThreadLocal)
    {
        if (_isDefault)
            throw new InvalidOperationException(
                "BeginCapture: the default stream cannot capture; create a stream."
            );
        ThrowIfCapturing(nameof(BeginCapture));
        using var use = Use();
        lock (_handle.CaptureGate)
        {
            Context.Check(Api.StreamBeginCapture(_handle.Value, (int)mode), "cuStreamBeginCapture");
            _ = new CaptureReferences(_handle);
        }
    }

    /// <summary>Ends the capture.</summary>
    /// <returns>The captured work, owned by the caller.</returns>
    /// <exception cref="InvalidOperationException">No capture was begun on this stream.</exception>
    /// <exception cref="CudaException">The capture was broken by a call that cannot be captured, or a fork was not joined.</exception>
    /// <exception cref="ObjectDisposedException">The stream was disposed.</exception>
    public CudaGraph EndCapture()
    {
        ThrowIfDisposed();
        var references =
            _handle.Capture
            ?? throw new InvalidOperationException(
                "EndCapture: no capture was begun on this stream."
            );
        if (!ReferenceEquals(references.Origin, _handle))
            throw new InvalidOperationException(
                "EndCapture: the capture was begun on another stream and must end there."
            );
        nint graph = 0;
        try
        {
            using var use = Use();
            Context.Check(Api.StreamEndCapture(_handle.Value, &graph), "cuStreamEndCapture");
        }
        catch
        {
            references.End();
            references.Release();
            throw;
        }
        references.End();
        Context.FreeDeferred();
        return new CudaGraph(Context, graph, references);
    }

    /// <summary>Ends a capture that its owner left: what it keeps alive would keep the stream alive, and the other way round.</summary>
    private void AbandonCapture()
    {
        if (IsDisposed || _handle.Capture?.Origin != _handle)
            return;
        try
        {
            EndCapture().Dispose();
        }
        catch (Exception e) when (e is DeepInfraException or ObjectDisposedException)
        {
            // A broken capture gives no graph; its references are gone all the same.
        }
    }

    /// <summary>Throws if the stream captures: for operations that a graph cannot hold.</summary>
    internal void ThrowIfCapturing(string operation)
    {
        if (IsCapturing)
            throw new InvalidOperationException(
                $"{operation}: not possible while the stream captures; do it before BeginCapture or after EndCapture."
            );
    }
}
