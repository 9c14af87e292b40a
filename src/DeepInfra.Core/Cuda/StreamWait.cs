// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>
/// One wait for a stream. The driver does not call host functions after an error, so the stream is also looked at now and
/// then: a failed kernel ends the wait instead of hanging it.
/// </summary>
internal sealed class StreamWait(CudaStream stream, long id, CancellationToken cancellationToken)
    : IDisposable
{
    private static readonly TimeSpan s_watchPeriod = TimeSpan.FromMilliseconds(200);

    private readonly TaskCompletionSource _source = new(
        TaskCreationOptions.RunContinuationsAsynchronously
    );
    private CancellationTokenRegistration _registration;
    private Timer? _timer;

    public Task Task => _source.Task;

    /// <summary>Starts to look after the wait.</summary>
    public void Watch()
    {
        _timer = new Timer(
            static state => ((StreamWait)state!).LookForError(),
            this,
            s_watchPeriod,
            s_watchPeriod
        );
        _registration = cancellationToken.UnsafeRegister(
            static (state, token) => ((StreamWait)state!).Cancel(token),
            this
        );
        // The work may have finished before timer and registration were there to be removed.
        if (Task.IsCompleted)
            Dispose();
    }

    public void Complete()
    {
        _source.TrySetResult();
        Dispose();
    }

    public void Abandon()
    {
        CudaStream.Forget(id);
        _source.TrySetCanceled(CancellationToken.None);
    }

    private void Cancel(CancellationToken token)
    {
        CudaStream.Forget(id);
        _source.TrySetCanceled(token);
        Dispose();
    }

    internal void LookForError()
    {
        try
        {
            // Only an error matters: completion may also mean later work, and arrives by the host function. Asking while a
            // capture is going on, begun since, would break the capture.
            lock (stream.SafeHandle.CaptureGate)
                if (!stream.IsDisposed && !stream.IsCapturing)
                    _ = stream.IsCompleted;
        }
        catch (ObjectDisposedException)
        {
            // Disposed in between; the work goes on and the host function still comes.
        }
        catch (DeepInfraException e)
        {
            CudaStream.Forget(id);
            _source.TrySetException(e);
            Dispose();
        }
    }

    /// <summary>Stops looking after the wait.</summary>
    public void Dispose()
    {
        _timer?.Dispose();
        // Not Dispose: it would wait for a callback that may be the caller.
        _registration.Unregister();
    }
}
