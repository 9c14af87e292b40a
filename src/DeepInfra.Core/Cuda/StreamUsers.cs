// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>
/// The streams that used an allocation, the last one first in line to free it. Holds a reference on each, so that a stream
/// disposed meanwhile can still order the release. Not thread-safe: the owner locks.
/// </summary>
internal struct StreamUsers
{
    private const uint DisableTiming = 2;

    private SafeStreamHandle? _last;
    private List<SafeStreamHandle>? _others;

    /// <summary>The stream of last use; null if there was none.</summary>
    public readonly SafeStreamHandle? Last => _last;

    /// <summary>The streams before it.</summary>
    public readonly IReadOnlyList<SafeStreamHandle> Others => _others ?? [];

    /// <summary>Makes a stream the last user.</summary>
    public void Add(SafeStreamHandle stream)
    {
        if (ReferenceEquals(stream, _last))
            return;
        if (_others is null || !_others.Remove(stream))
        {
            var added = false;
            stream.DangerousAddRef(ref added);
        }
        if (_last is not null)
            (_others ??= []).Add(_last);
        _last = stream;
    }

    /// <summary>True if work enqueued now on one of the streams would be captured.</summary>
    public readonly bool IsAnyCapturing
    {
        get
        {
            if (_last is { IsCapturing: true })
                return true;
            // By index: memory is freed often, and an enumerator of the interface would be allocated each time.
            for (var i = 0; i < Others.Count; i++)
                if (Others[i].IsCapturing)
                    return true;
            return false;
        }
    }

    /// <summary>True if one of the streams was disposed: a capture on it will never be ended.</summary>
    public readonly bool IsAnyClosed
    {
        get
        {
            if (_last is { IsClosed: true })
                return true;
            for (var i = 0; i < Others.Count; i++)
                if (Others[i].IsClosed)
                    return true;
            return false;
        }
    }

    /// <summary>
    /// Makes one stream wait for what is enqueued on all others now: the last one of the context, on which memory can then
    /// be freed.
    /// </summary>
    public readonly SafeStreamHandle OrderForRelease(CudaContext context)
    {
        // The stream of allocation is of this context and never leaves the list.
        var target = _last!;
        for (var i = Others.Count - 1; target.Context != context && i >= 0; i--)
            target = Others[i];
        if (!ReferenceEquals(_last, target))
            Order(_last!, target);
        for (var i = 0; i < Others.Count; i++)
            if (!ReferenceEquals(Others[i], target))
                Order(Others[i], target);
        return target;
    }

    /// <summary>Makes a stream wait for what is enqueued on all others now.</summary>
    public readonly void OrderBefore(SafeStreamHandle after)
    {
        if (_last is not null && !ReferenceEquals(_last, after))
            Order(_last, after);
        for (var i = 0; i < Others.Count; i++)
            if (!ReferenceEquals(Others[i], after))
                Order(Others[i], after);
    }

    /// <summary>An event where each of the streams is now; none for those that have nothing to do.</summary>
    public readonly List<SafeEventHandle> Mark()
    {
        var marks = new List<SafeEventHandle>();
        if (_last is not null)
            Mark(_last, marks);
        for (var i = 0; i < Others.Count; i++)
            Mark(Others[i], marks);
        return marks;
    }

    /// <summary>Lets go of the streams.</summary>
    public readonly void Release()
    {
        _last?.DangerousRelease();
        for (var i = 0; i < Others.Count; i++)
            Others[i].DangerousRelease();
    }

    /// <summary>Lets go of the streams and forgets them.</summary>
    public void Clear()
    {
        Release();
        _last = null;
        _others = null;
    }

    private static unsafe void Mark(SafeStreamHandle stream, List<SafeEventHandle> marks)
    {
        var context = stream.Context;
        using (context.EnterForRelease())
        {
            nint e = 0;
            if (context.Api.StreamQuery(stream.Value) == CudaErrorCode.Success)
                return;
            if (context.Api.EventCreate(&e, DisableTiming) != CudaErrorCode.Success)
            {
                // Without an event: wait here.
                _ = context.Api.StreamSynchronize(stream.Value);
                return;
            }
            _ = context.Api.EventRecord(e, stream.Value);
            marks.Add(new SafeEventHandle(context, e));
        }
    }

    private static unsafe void Order(SafeStreamHandle before, SafeStreamHandle after)
    {
        var api = before.Context.Api;
        nint e = 0;
        using (before.Context.EnterForRelease())
        {
            if (api.EventCreate(&e, DisableTiming) != CudaErrorCode.Success)
            {
                _ = api.StreamSynchronize(before.Value);
                return;
            }
            _ = api.EventRecord(e, before.Value);
        }
        // The handle of a default stream names the one of the context that is current.
        using (after.Context.EnterForRelease())
            _ = api.StreamWaitEvent(after.Value, e, 0);
        _ = api.EventDestroy(e);
    }
}
