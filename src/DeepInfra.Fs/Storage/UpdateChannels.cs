// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Storage;

/// <summary>
/// Hands out update channels. Servers remember the last update of each (client, chain, channel) and answer a repeated
/// one from memory, so an operation owns its channel from the first send to its final result.
/// </summary>
internal sealed class UpdateChannels(ClientId client) : IDisposable
{
    private const int MaximumChannels = ushort.MaxValue;

    private readonly ConcurrentQueue<ushort> _free = new();
    private readonly SemaphoreSlim _available = new(MaximumChannels, MaximumChannels);
    private int _created;
    private long _sequence;
    private long _request;

    /// <summary>The tag of a request that updates nothing.</summary>
    public MessageTag ReadTag() =>
        new() { ClientId = client, RequestId = (ulong)Interlocked.Increment(ref _request) };

    /// <summary>Takes a channel and the sequence numbers of one update.</summary>
    /// <param name="sequenceNumbers">How many numbers the update may consume.</param>
    /// <param name="cancellationToken">Gives the wait up.</param>
    public async ValueTask<MessageTag> AcquireAsync(
        int sequenceNumbers,
        CancellationToken cancellationToken
    )
    {
        await _available.WaitAsync(cancellationToken).ConfigureAwait(false);
        if (!_free.TryDequeue(out var id))
        {
            id = (ushort)Interlocked.Increment(ref _created);
        }

        var last = Interlocked.Add(ref _sequence, sequenceNumbers);
        return ReadTag() with
        {
            Channel = new UpdateChannel { Id = id, Seqnum = (ulong)(last - sequenceNumbers + 1) },
        };
    }

    /// <summary>Gives a channel back once the operation has its final result.</summary>
    public void Release(in MessageTag tag)
    {
        _free.Enqueue(tag.Channel.Id);
        _available.Release();
    }

    public void Dispose() => _available.Dispose();
}
