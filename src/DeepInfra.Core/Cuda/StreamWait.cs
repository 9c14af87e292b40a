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
    private readonly Lock _gate = new();
    private readonly SafeStreamHandle _handle = Hold(stream);
    private CancellationTokenRegistration _registration;
    private Timer? _timer;
    private int _disposed;
    private bool _released;

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
        Dispose();
    }

    private void Cancel(CancellationToken token)
    {
        CudaStream.Forget(id);
        _source.TrySetCanceled(token);
        Dispose();
    }

    /// <summary>Ends the wait with the stream's error, if it has one, also after the stream was disposed.</summary>
    internal void LookForError()
    {
        try
        {
            lock (_gate)
                if (!_released)
                    Query();
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
        // On another thread: letting go of a disposed stream calls the driver, which its own thread must not do.
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(
                static wait => wait.Release(),
                this,
                preferLocal: false
            );
    }

    private static SafeStreamHandle Hold(CudaStream stream)
    {
        var added = false;
        stream.SafeHandle.DangerousAddRef(ref added);
        return stream.SafeHandle;
    }

    private void Release()
    {
        lock (_gate)
            _released = true;
        _handle.DangerousRelease();
    }

    private void Query()
    {
        // Asking while a capture is going on, begun since, would break the capture.
        lock (_handle.CaptureGate)
        {
            if (_handle.IsCapturing)
                return;
            using var scope = _handle.Context.Enter();
            var status = _handle.Context.Api.StreamQuery(_handle.Value);
            // Only an error matters: completion may also mean later work, and arrives by the host function.
            if (status != CudaErrorCode.NotReady)
                _handle.Context.Check(status, "cuStreamQuery");
        }
    }
}
