// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Collections.Concurrent;
using DeepInfra.Fs.Cluster.Chunks;
using DeepInfra.Fs.Cluster.Faults;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Storage;

/// <summary>
/// Exactly-once updates: for each channel of each client and chain the last sequence number and its
/// result, so that a repeated request is answered and not applied again.
/// </summary>
/// <remarks>
/// Thread-safe. The notes of successful updates are durable, together with what they did: a client that repeats a
/// request after the node came back could otherwise undo what others wrote and read in between. A channel that
/// was not used for an hour is forgotten.
/// </remarks>
internal sealed class UpdateChannels
{
    private const long IdleMicroseconds = 3_600_000_000;
    private const int SweepAbove = 10_000;

    private readonly NodeClock _clock;
    private readonly ChunkIndex _index;
    private readonly ConcurrentDictionary<Key, Channel> _channels = new();
    private int _sinceSweep;

    /// <summary>Takes up the notes of the index, without those that nobody will ask for.</summary>
    public UpdateChannels(NodeClock clock, ChunkIndex index)
    {
        _clock = clock;
        _index = index;
        var limit = clock.Now() - IdleMicroseconds;
        index.ForgetNotes(value => Serde.Read<UpdateNote>(value).Time < limit);
    }

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
        var channel = _channels.GetOrAdd(new Key(client, chain, tag.Id), Load);
        lock (channel)
        {
            cached = null;
            channel.LastUsed = _clock.Monotonic();
            if (channel.Busy)
            {
                throw new ServiceException(
                    StatusCode.StorageChannelIsLocked,
                    $"channel {tag.Id} is processing request {channel.RequestId}"
                );
            }
            var repeated = tag.Seqnum == channel.RequestSequence && requestId == channel.RequestId;
            if (repeated && channel.Result is { } result)
            {
                cached = result;
                return channel;
            }
            if (tag.Seqnum < channel.Sequence && !(repeated && channel.Unfinished is not null))
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
            channel.Unfinished = repeated ? channel.Unfinished : null;
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

    /// <summary>What the index has to keep of the update that has claimed the channel.</summary>
    public IndexNote Note(Channel channel, UpdateNote note)
    {
        note.Sequence = channel.RequestSequence;
        note.RequestId = channel.RequestId;
        note.Time = _clock.Now();
        return new IndexNote(channel.Key, Serde.ToArray(note));
    }

    private Channel Load(Key key)
    {
        var bytes = key.ToBytes();
        var channel = new Channel(bytes) { LastUsed = _clock.Monotonic() };
        if (_index.FindNote(bytes) is { } found)
        {
            var note = Serde.Read<UpdateNote>(found);
            var used = note.Removal?.NumChunksRemoved ?? 1;
            channel.RequestSequence = note.Sequence;
            channel.Sequence = note.Sequence + Math.Max(1, used) - 1;
            channel.RequestId = note.RequestId;
            channel.Unfinished = note.RemovedLast is null ? null : note;
            channel.Result =
                note.Update is { } update ? update
                : note.RemovedLast is null ? note.Removal
                : null;
        }
        return channel;
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
        var limit = _clock.Monotonic() - IdleMicroseconds;
        foreach (var (key, channel) in _channels)
        {
            lock (channel)
            {
                if (!channel.Busy && channel.LastUsed < limit)
                {
                    _channels.TryRemove(key, out _);
                    _index.DeleteNote(channel.Key);
                }
            }
        }
    }

    private readonly record struct Key(Guid Client, uint Chain, ushort Channel)
    {
        public byte[] ToBytes()
        {
            var bytes = new byte[22];
            Client.TryWriteBytes(bytes, bigEndian: true, out _);
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(16), Chain);
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(20), Channel);
            return bytes;
        }
    }

    /// <summary>State of one channel; guarded by locking it.</summary>
    internal sealed class Channel(byte[] key)
    {
        /// <summary>Key of the channel's note.</summary>
        public byte[] Key { get; } = key;

        public ulong Sequence { get; set; }

        public ulong RequestId { get; set; }

        public ulong RequestSequence { get; set; }

        public object? Result { get; set; }

        /// <summary>How far a removal came that did not finish.</summary>
        public UpdateNote? Unfinished { get; set; }

        public bool Busy { get; set; }

        public long LastUsed { get; set; }
    }
}
