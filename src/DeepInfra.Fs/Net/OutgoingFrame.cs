// SPDX-License-Identifier: MIT
using System.Buffers;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Net;

/// <summary>
/// One encoded frame on its way to the socket: a pooled buffer and the bulk data that is sent from where it lies.
/// The frame owns what it refers to until <see cref="Release"/>, which the sender calls exactly once.
/// </summary>
internal sealed class OutgoingFrame
{
    private byte[]? _buffer;
    private readonly List<GatheredBlob>? _gathered;
    private readonly List<IDisposable>? _owned;
    private readonly TaskCompletionSource? _released;
    private int _state;

    public OutgoingFrame(
        byte[] buffer,
        int length,
        List<GatheredBlob>? gathered,
        List<IDisposable>? owned,
        bool trackRelease
    )
    {
        _buffer = buffer;
        _gathered = gathered;
        _owned = owned;
        TotalBytes = length;
        BufferBytes = length;
        foreach (var blob in gathered ?? [])
        {
            TotalBytes += blob.Data.Length;
        }

        _released = trackRelease
            ? new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
            : null;
    }

    /// <summary>Header and body in bytes.</summary>
    public long TotalBytes { get; }

    public int BufferBytes { get; }

    /// <summary>Completes when nobody reads the frame's memory any more; only for tracked frames.</summary>
    public Task Released => _released?.Task ?? Task.CompletedTask;

    /// <summary>True when no byte of the frame was or will be sent.</summary>
    public bool IsWithdrawn => Volatile.Read(ref _state) == 2;

    /// <summary>Takes the frame for sending; false when it was withdrawn before.</summary>
    public bool TryStartSending() => Interlocked.CompareExchange(ref _state, 1, 0) == 0;

    /// <summary>Withdraws a frame that no sender has taken; false when it is being sent or was sent.</summary>
    public bool TryWithdraw()
    {
        if (Interlocked.CompareExchange(ref _state, 2, 0) != 0)
        {
            return false;
        }

        Release();
        return true;
    }

    /// <summary>Appends the frame's memory in sending order.</summary>
    public void CollectSegments(List<ReadOnlyMemory<byte>> segments)
    {
        var start = 0;
        foreach (var blob in _gathered ?? [])
        {
            segments.Add(_buffer.AsMemory(start, blob.Position - start));
            for (var i = 0; i < blob.Data.SegmentCount; i++)
            {
                segments.Add(blob.Data[i].Data);
            }

            start = blob.Position;
        }

        segments.Add(_buffer.AsMemory(start, BufferBytes - start));
    }

    /// <summary>Gives the buffers back.</summary>
    public void Release()
    {
        var buffer = Interlocked.Exchange(ref _buffer, null);
        if (buffer is null)
        {
            return;
        }

        ArrayPool<byte>.Shared.Return(buffer);
        foreach (var owner in _owned ?? [])
        {
            owner.Dispose();
        }

        _released?.TrySetResult();
    }
}
