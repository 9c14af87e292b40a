// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Storage;

/// <summary>
/// Exactly-once updates: for each channel of each client and chain the last sequence number and its
/// result, so that a repeated request is answered and not applied again.
/// </summary>
/// <remarks>
/// Thread-safe. Kept in memory: after a restart a repeated write is applied a second time, which changes
/// the version of the chunk and not its bytes.
/// </remarks>
internal sealed class UpdateChannels
{
    private const long IdleMicroseconds = 3_600_000_000;
    private const int SweepAbove = 10_000;

    private readonly ConcurrentDictionary<Key, Channel> _channels = new();
    private int _sinceSweep;

    /// <summary>
    /// Claims the channel for a request. Either the request is to be processed and its result handed to
    /// <see cref="Complete"/>, or <paramref name="cached"/> is the answer.
    /// </summary>
    /// <exception cref="ServiceException">The request is a duplicate, misuses the channel or is in progress.</exception>
    public Channel Begin(
        Guid client,
        uint chain,
        UpdateChannel tag,
        ulong requestId,
        out object? cached
    )
    {
        if (tag.Id == 0)
        {
            throw new ServiceException(
                StatusCode.StorageClientFoundBug,
                "an update needs a channel id above 0"
            );
        }
        Sweep();
        var channel = _channels.GetOrAdd(new Key(client, chain, tag.Id), static _ => new Channel());
        lock (channel)
        {
            cached = null;
            channel.LastUsed = WireTime.Now();
            if (channel.Busy)
            {
                throw new ServiceException(
                    StatusCode.StorageChannelIsLocked,
                    $"channel {tag.Id} is processing request {channel.RequestId}"
                );
            }
            if (
                tag.Seqnum == channel.RequestSequence
                && requestId == channel.RequestId
                && channel.Result is { } result
            )
            {
                cached = result;
                return channel;
            }
            if (tag.Seqnum < channel.Sequence)
            {
                throw new ServiceException(
                    StatusCode.StorageClientDuplicateUpdate,
                    $"sequence number {tag.Seqnum} of channel {tag.Id} is below {channel.Sequence}"
                );
            }
            if (
                tag.Seqnum == channel.Sequence
                && channel.Sequence != 0
                && requestId != channel.RequestId
            )
            {
                throw new ServiceException(
                    StatusCode.StorageClientFoundBug,
                    $"sequence number {tag.Seqnum} of channel {tag.Id} belongs to request {channel.RequestId}"
                );
            }
            channel.RequestSequence = tag.Seqnum;
            channel.Sequence = tag.Seqnum;
            channel.RequestId = requestId;
            channel.Result = null;
            channel.Busy = true;
            return channel;
        }
    }

    /// <summary>Remembers the result of a success (null forgets a failure, so that a retry runs) and frees the channel.</summary>
    /// <param name="channel">From <see cref="Begin"/>.</param>
    /// <param name="result">The answer to repeat.</param>
    /// <param name="sequenceNumbers">Numbers that the request used up; removals use one per chunk.</param>
    public static void Complete(Channel channel, object? result, uint sequenceNumbers = 1)
    {
        lock (channel)
        {
            channel.Result = result;
            channel.Sequence = channel.RequestSequence + Math.Max(1, sequenceNumbers) - 1;
            channel.Busy = false;
        }
    }

    private void Sweep()
    {
        if (
            _channels.Count < SweepAbove
            || Interlocked.Increment(ref _sinceSweep) % SweepAbove != 0
        )
        {
            return;
        }
        var limit = WireTime.Now() - IdleMicroseconds;
        foreach (var (key, channel) in _channels)
        {
            lock (channel)
            {
                if (!channel.Busy && channel.LastUsed < limit)
                {
                    _channels.TryRemove(key, out _);
                }
            }
        }
    }

    private readonly record struct Key(Guid Client, uint Chain, ushort Channel);

    /// <summary>State of one channel; guarded by locking it.</summary>
    internal sealed class Channel
    {
        public ulong Sequence { get; set; }

        public ulong RequestId { get; set; }

        public ulong RequestSequence { get; set; }

        public object? Result { get; set; }

        public bool Busy { get; set; }

        public long LastUsed { get; set; }
    }
}
