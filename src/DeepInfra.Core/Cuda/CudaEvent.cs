// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>A mark in a stream that other streams and threads can wait for, and that can be timed. Thread-safe.</summary>
public sealed unsafe class CudaEvent : IDisposable
{
    private const uint DisableTiming = 2;

    private readonly SafeEventHandle _handle;
    private readonly bool _timing;

    /// <summary>Creates an event.</summary>
    /// <param name="device">A CUDA device: the one of the streams that it is recorded on.</param>
    /// <param name="timing">True if <see cref="ElapsedMilliseconds"/> is wanted; costs a little.</param>
    /// <exception cref="ArgumentException">The device is the CPU.</exception>
    /// <exception cref="NativeLibraryNotFoundException">No driver.</exception>
    /// <exception cref="CudaException">There is no such device, or the driver fails.</exception>
    public CudaEvent(Device device, bool timing = false)
    {
        var context = CudaDevice.Get(device).Context;
        using var scope = context.Enter();
        nint e = 0;
        context.Check(context.Api.EventCreate(&e, timing ? 0 : DisableTiming), "cuEventCreate");
        _handle = new SafeEventHandle(context, e);
        _timing = timing;
    }

    /// <summary>The device.</summary>
    public Device Device => _handle.Context.Device.Device;

    /// <summary>The driver's handle (<c>CUevent</c>), valid while the event is undisposed.</summary>
    /// <exception cref="ObjectDisposedException">The event was disposed.</exception>
    public nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
            return _handle.Value;
        }
    }

    /// <summary>True if the work before the mark is done, or the event was never recorded.</summary>
    /// <exception cref="CudaException">Earlier work failed.</exception>
    /// <exception cref="ObjectDisposedException">The event was disposed.</exception>
    public bool IsCompleted
    {
        get
        {
            using var use = Use();
            var status = _handle.Context.Api.EventQuery(use.Value);
            if (status == CudaErrorCode.NotReady)
                return false;
            _handle.Context.Check(status, "cuEventQuery");
            return true;
        }
    }

    /// <summary>The capture that the mark is part of; null if it is not captured.</summary>
    internal CaptureReferences? Capture { get; private set; }

    /// <summary>Sets the mark after the work that is enqueued on a stream now; an earlier mark is replaced.</summary>
    /// <param name="stream">A stream of the same device.</param>
    /// <exception cref="ArgumentException">The stream is of another device.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    /// <exception cref="ObjectDisposedException">The event or stream was disposed.</exception>
    public void Record(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (stream.Context != _handle.Context)
            throw new ArgumentException(
                $"stream: expected a stream of {Device}, got one of {stream.Device}",
                nameof(stream)
            );
        using var use = Use();
        using var s = stream.Use();
        _handle.Context.Check(
            _handle.Context.Api.EventRecord(use.Value, stream.SafeHandle.Value),
            "cuEventRecord"
        );
        Capture = stream.SafeHandle.Capture;
    }

    /// <summary>Blocks until the work before the mark is done.</summary>
    /// <exception cref="CudaException">Earlier work failed.</exception>
    /// <exception cref="ObjectDisposedException">The event was disposed.</exception>
    public void Synchronize()
    {
        using var use = Use();
        _handle.Context.Check(
            _handle.Context.Api.EventSynchronize(use.Value),
            "cuEventSynchronize"
        );
    }

    /// <summary>Milliseconds from an earlier mark to this one, with a resolution of about half a microsecond.</summary>
    /// <param name="start">The earlier event; both must be recorded and completed.</param>
    /// <exception cref="InvalidOperationException">An event was created without timing.</exception>
    /// <exception cref="CudaException">An event is not completed or not recorded.</exception>
    /// <exception cref="ObjectDisposedException">An event was disposed.</exception>
    public float ElapsedMilliseconds(CudaEvent start)
    {
        ArgumentNullException.ThrowIfNull(start);
        if (!_timing || !start._timing)
            throw new InvalidOperationException(
                "ElapsedMilliseconds: both events must be created with timing: true."
            );
        using var use = Use();
        using var s = start.Use();
        float milliseconds = 0;
        _handle.Context.Check(
            _handle.Context.Api.EventElapsedTime(&milliseconds, s.Value, use.Value),
            "cuEventElapsedTime"
        );
        return milliseconds;
    }

    /// <summary>Destroys the event; streams that wait for it still do. A second call does nothing.</summary>
    public void Dispose() => _handle.Dispose();

    internal EventUse Use()
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        return new EventUse(_handle);
    }
}

/// <summary>A reference to an event with its context current.</summary>
internal readonly ref struct EventUse
{
    private readonly SafeEventHandle _event;
    private readonly ContextScope _scope;

    public EventUse(SafeEventHandle e)
    {
        _event = e;
        var added = false;
        e.DangerousAddRef(ref added);
        try
        {
            _scope = e.Context.Enter();
        }
        catch
        {
            e.DangerousRelease();
            throw;
        }
    }

    public nint Value => _event.Value;

    public void Dispose()
    {
        _scope.Dispose();
        _event.DangerousRelease();
    }
}
