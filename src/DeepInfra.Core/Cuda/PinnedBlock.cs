// SPDX-License-Identifier: MIT
using Microsoft.Win32.SafeHandles;

namespace DeepInfra.Core.Cuda;

/// <summary>
/// One page-locked allocation. Between two lives it holds an event for each stream that used it. A block that was
/// neither returned nor is in the pool is unlocked by the collector.
/// </summary>
internal sealed unsafe class PinnedBlock : SafeHandleZeroOrMinusOneIsInvalid
{
    private const uint DisableTiming = 2;

    private readonly Lock _lock = new();
    private readonly List<SafeEventHandle> _events = [];
    private readonly List<SafeStreamHandle> _capturing = [];
    private readonly CudaContext _context;
    private StreamUsers _users;
    private bool _inUse;

    public PinnedBlock(CudaContext context, void* address, long bytes)
        : base(ownsHandle: true)
    {
        _context = context;
        Bytes = bytes;
        SetHandle((nint)address);
        PinnedPool.AddReserved(bytes);
    }

    public long Bytes { get; }

    public nint Address => handle;

    /// <summary>True if captured graphs use the block: it cannot return to the pool.</summary>
    public bool IsCaptured { get; private set; }

    public void Record(SafeStreamHandle stream)
    {
        lock (_lock)
        {
            _users.Add(stream);
            if (stream.Capture is not { } capture)
                return;
            capture.Add(this);
            IsCaptured = true;
        }
    }

    /// <summary>Marks where the streams that used the block are now.</summary>
    public void Mark()
    {
        lock (_lock)
        {
            if (_users.Last is { } last)
                MarkOrPutOff(last);
            foreach (var stream in _users.Others)
                MarkOrPutOff(stream);
            _users.Clear();
        }
    }

    /// <summary>True once all marked streams have passed their marks, or their devices are lost.</summary>
    public bool IsIdle()
    {
        lock (_lock)
        {
            for (var i = _capturing.Count - 1; i >= 0; i--)
            {
                var stream = _capturing[i];
                if (stream.IsCapturing)
                    return false;
                MarkOne(stream);
                stream.DangerousRelease();
                _capturing.RemoveAt(i);
            }
            for (var i = _events.Count - 1; i >= 0; i--)
            {
                var e = _events[i];
                CudaErrorCode status;
                using (e.Context.EnterForRelease())
                    status = e.Context.Api.EventQuery(e.Value);
                if (status == CudaErrorCode.NotReady)
                    return false;
                e.Dispose();
                _events.RemoveAt(i);
            }
            return true;
        }
    }

    /// <summary>Counts the block as used by somebody, or as not.</summary>
    public void SetInUse(bool value)
    {
        if (_inUse == value)
            return;
        _inUse = value;
        PinnedPool.AddLive(value ? Bytes : -Bytes);
    }

    protected override bool ReleaseHandle()
    {
        SetInUse(false);
        PinnedPool.AddReserved(-Bytes);
        _users.Release();
        foreach (var stream in _capturing)
            stream.DangerousRelease();
        using (_context.EnterForRelease())
            return _context.Api.MemFreeHost((void*)handle) == CudaErrorCode.Success;
    }

    /// <summary>A mark on a stream that captures would become part of its graph; its earlier work may still use the block.</summary>
    private void MarkOrPutOff(SafeStreamHandle stream)
    {
        if (!stream.IsCapturing)
        {
            MarkOne(stream);
            return;
        }
        var added = false;
        stream.DangerousAddRef(ref added);
        _capturing.Add(stream);
    }

    private void MarkOne(SafeStreamHandle stream)
    {
        var context = stream.Context;
        using (context.EnterForRelease())
        {
            nint e = 0;
            if (context.Api.EventCreate(&e, DisableTiming) != CudaErrorCode.Success)
            {
                // Without an event: wait here.
                _ = context.Api.StreamSynchronize(stream.Value);
                return;
            }
            _ = context.Api.EventRecord(e, stream.Value);
            _events.Add(new SafeEventHandle(context, e));
        }
    }
}
