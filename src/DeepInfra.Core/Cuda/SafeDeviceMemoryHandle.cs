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

    protected override bool ReleaseHandle()
    {
        DeviceMemory.Remove(Bytes);
        Context.Free((ulong)handle, _users);
        return true;
    }
}
