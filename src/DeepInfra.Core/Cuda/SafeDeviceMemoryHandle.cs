// SPDX-License-Identifier: MIT
using Microsoft.Win32.SafeHandles;

namespace DeepInfra.Core.Cuda;

/// <summary>
/// Stream-ordered device memory. It is freed on the stream of last use, after the work that is enqueued then on every
/// other stream that used it; nothing waits.
/// </summary>
internal sealed class SafeDeviceMemoryHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly Lock _lock = new();
    private StreamUsers _users;

    public SafeDeviceMemoryHandle(ulong address, long bytes, SafeStreamHandle stream)
        : base(ownsHandle: true)
    {
        Context = stream.Context;
        Bytes = bytes;
        _users.Add(stream);
        SetHandle((nint)address);
        DeviceMemory.Add(bytes);
    }

    public CudaContext Context { get; }

    public long Bytes { get; }

    public nint Value => handle;

    public void Record(SafeStreamHandle stream)
    {
        lock (_lock)
            _users.Add(stream);
        stream.Capture?.Add(this);
    }

    /// <summary>Makes a stream wait for the work that uses the memory now, and a user of it.</summary>
    public void OrderBefore(SafeStreamHandle stream)
    {
        lock (_lock)
        {
            if (_users.IsAnyCapturing || stream.IsCapturing)
                throw new InvalidOperationException(
                    "Memory cannot be handed over while a stream that uses it captures."
                );
            _users.OrderBefore(stream);
            _users.Add(stream);
        }
    }

    protected override bool ReleaseHandle()
    {
        DeviceMemory.Remove(Bytes);
        Context.Free((ulong)handle, _users);
        return true;
    }
}
