// SPDX-License-Identifier: MIT
using DeepInfra.Core.Interop;

namespace DeepInfra.Core.Cuda;

/// <summary>
/// A queue of work on a CUDA device: what is enqueued runs in order. Enqueuing returns at once; waiting is explicit. Several
/// threads may enqueue, then the order between them is theirs to establish.
/// </summary>
/// <example>
/// <code>
/// using var stream = new CudaStream(Device.Cuda(0));
/// using var x = Tensor&lt;float&gt;.Create([1024], stream);
/// x.CopyFrom(values, stream);
/// kernel.Launch(new LaunchConfig(grid: 8, block: 128), stream, (nint)x.DataPointer, 1024);
/// x.RecordStream(stream);
/// await stream.WaitAsync();
/// </code>
/// </example>
public sealed unsafe partial class CudaStream : IDisposable
{
    private const uint NonBlocking = 1;

    private readonly SafeStreamHandle _handle;
    private readonly bool _isDefault;

    // The handle stays open as long as memory needs the stream.
    private int _disposed;

    /// <summary>Creates a stream.</summary>
    /// <param name="device">A CUDA device.</param>
    /// <param name="nonBlocking">True: no implicit order with <see cref="Default"/>.</param>
    /// <param name="priority">Lower numbers go first; clamped to what the device offers.</param>
    /// <exception cref="ArgumentException">The device is the CPU.</exception>
    /// <exception cref="NativeLibraryNotFoundException">No driver.</exception>
    /// <exception cref="CudaException">There is no such device, or the driver fails.</exception>
    public CudaStream(Device device, bool nonBlocking = true, int priority = 0)
    {
        var context = CudaDevice.Get(device).Context;
        using var scope = context.Enter();
        nint stream = 0;
        context.Check(
            context.Api.StreamCreateWithPriority(&stream, nonBlocking ? NonBlocking : 0, priority),
            "cuStreamCreateWithPriority"
        );
        _handle = new SafeStreamHandle(context, stream, owns: true);
    }

    /// <summary>The legacy stream of a context.</summary>
    internal CudaStream(CudaContext context)
    {
        _handle = new SafeStreamHandle(context, 0, owns: false);
        _isDefault = true;
    }

    /// <summary>The device.</summary>
    public Device Device => _handle.Context.Device.Device;

    /// <summary>True once disposed; <see cref="Default"/> never is.</summary>
    public bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    /// <summary>The driver's handle (<c>CUstream</c>), valid while the stream is undisposed.</summary>
    /// <exception cref="ObjectDisposedException">The stream was disposed.</exception>
    public nint Handle
    {
        get
        {
            ThrowIfDisposed();
            return _handle.Value;
        }
    }

    /// <summary>True if all enqueued work is done.</summary>
    /// <exception cref="CudaException">Earlier work failed, or the stream captures.</exception>
    /// <exception cref="ObjectDisposedException">The stream was disposed.</exception>
    public bool IsCompleted
    {
        get
        {
            using var use = Use();
            var status = Api.StreamQuery(_handle.Value);
            if (status == CudaErrorCode.NotReady)
                return false;
            Context.Check(status, "cuStreamQuery");
            return true;
        }
    }

    internal CudaContext Context => _handle.Context;

    internal CudaApi Api => _handle.Context.Api;

    internal SafeStreamHandle SafeHandle => _handle;

    /// <summary>
    /// The legacy stream of a device: it waits for, and is waited for by, streams that are not non-blocking. Its
    /// <see cref="Dispose"/> does nothing.
    /// </summary>
    /// <param name="device">A CUDA device.</param>
    /// <exception cref="ArgumentException">The device is the CPU.</exception>
    /// <exception cref="NativeLibraryNotFoundException">No driver.</exception>
    /// <exception cref="CudaException">There is no such device, or the driver fails.</exception>
    public static CudaStream Default(Device device) => CudaDevice.Get(device).Context.DefaultStream;

    /// <summary>Blocks until all enqueued work is done.</summary>
    /// <exception cref="CudaException">Earlier work failed, or the stream captures.</exception>
    /// <exception cref="ObjectDisposedException">The stream was disposed.</exception>
    public void Synchronize()
    {
        using (Use())
            Context.Check(Api.StreamSynchronize(_handle.Value), "cuStreamSynchronize");
        Context.FreeDeferred();
    }

    /// <summary>Makes later work of this stream wait for an event. Does not block.</summary>
    /// <param name="recorded">An event that was recorded, on any stream and device.</param>
    /// <exception cref="CudaException">The driver fails.</exception>
    /// <exception cref="ObjectDisposedException">The stream or event was disposed.</exception>
    public void Wait(CudaEvent recorded)
    {
        ArgumentNullException.ThrowIfNull(recorded);
        using var use = Use();
        using var e = recorded.Use();
        Context.Check(Api.StreamWaitEvent(_handle.Value, e.Value, 0), "cuStreamWaitEvent");
        // Waiting for a captured mark draws this stream into the capture.
        recorded.Capture?.Join(_handle);
    }

    /// <summary>Makes later work of this stream wait for what is enqueued on another now. Does not block.</summary>
    /// <param name="other">A stream of any device.</param>
    /// <exception cref="CudaException">The driver fails.</exception>
    /// <exception cref="ObjectDisposedException">A stream was disposed.</exception>
    public void Wait(CudaStream other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (ReferenceEquals(other, this))
            return;
        // Destroying an event that a stream waits for is allowed: the driver keeps it as long as needed.
        using var e = new CudaEvent(other.Device);
        e.Record(other);
        Wait(e);
    }

    /// <summary>Destroys the stream. Work in flight goes on and nothing blocks; a capture that was not ended is dropped. A second call does nothing.</summary>
    public void Dispose()
    {
        if (_isDefault)
            return;
        AbandonCapture();
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            _handle.Dispose();
    }

    /// <inheritdoc/>
    public override string ToString() => $"{(_isDefault ? "default " : "")}stream of {Device}";

    /// <summary>Holds the stream and makes its context current, until disposed.</summary>
    internal UseScope Use()
    {
        ThrowIfDisposed();
        return new UseScope(_handle);
    }

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(IsDisposed, this);
}

/// <summary>A reference to a stream with its context current.</summary>
internal readonly ref struct UseScope
{
    private readonly SafeStreamHandle _stream;
    private readonly ContextScope _scope;

    public UseScope(SafeStreamHandle stream)
    {
        _stream = stream;
        var added = false;
        stream.DangerousAddRef(ref added);
        try
        {
            _scope = stream.Context.Enter();
        }
        catch
        {
            stream.DangerousRelease();
            throw;
        }
    }

    public void Dispose()
    {
        _scope.Dispose();
        _stream.DangerousRelease();
    }
}
