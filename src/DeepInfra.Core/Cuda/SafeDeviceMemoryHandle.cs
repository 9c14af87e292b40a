// SPDX-License-Identifier: MIT
using Microsoft.Win32.SafeHandles;

namespace DeepInfra.Core.Cuda;

/// <summary>
/// Stream-ordered device memory. It is freed on the stream of last use, after the work that is enqueued then on every
/// other stream that used it; nothing waits.
/// </summary>
internal sealed unsafe class SafeDeviceMemoryHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    private const uint DisableTiming = 2;

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
        var target = ChooseStream();
        using (Context.EnterForRelease())
        {
            if (!ReferenceEquals(_users.Last, target))
                Order(_users.Last!, target);
            foreach (var stream in _users.Others)
                if (!ReferenceEquals(stream, target))
                    Order(stream, target);
            if (target.IsCapturing)
            {
                // A free would become part of somebody's graph.
                Context.Defer((ulong)handle, target);
                _users.Release(target);
                return true;
            }
            var status = Context.Api.MemFreeAsync((ulong)handle, target.Value);
            _users.Release();
            return status == CudaErrorCode.Success;
        }
    }

    // Memory is freed on a stream of its own device; users of other devices are waited for.
    private SafeStreamHandle ChooseStream()
    {
        if (_users.Last!.Context == Context && !_users.Last.IsCapturing)
            return _users.Last;
        SafeStreamHandle? capturing = null;
        foreach (var stream in _users.Others)
        {
            if (stream.Context != Context)
                continue;
            if (!stream.IsCapturing)
                return stream;
            capturing = stream;
        }
        return capturing ?? _users.Last;
    }

    private static void Order(SafeStreamHandle before, SafeStreamHandle after)
    {
        // Captured work runs when its graph is launched, and the graph keeps the memory.
        if (before.IsCapturing || after.IsCapturing)
            return;
        var api = before.Context.Api;
        nint e = 0;
        using (before.Context.EnterForRelease())
        {
            if (api.EventCreate(&e, DisableTiming) != CudaErrorCode.Success)
                return;
            _ = api.EventRecord(e, before.Value);
        }
        _ = api.StreamWaitEvent(after.Value, e, 0);
        _ = api.EventDestroy(e);
    }
}
