// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Ep.Cpu;
using DeepInfra.Ep.Engine;
using DeepInfra.Ep.Transports;

namespace DeepInfra.Ep.LowLatency;

/// <summary>
/// Ranks that only share symmetric memory: messages are written to fixed slots of the receiver, [local
/// expert][source rank][slot] in a dispatch and [expert][token] in a combine.
/// </summary>
internal sealed unsafe class StagedLowLatencyPath(LowLatencyBuffer buffer) : LowLatencyPath
{
    private readonly SymmetricMemory _memory = buffer.Memory;
    private readonly IEpTransport _transport = buffer.Transport;
    private readonly int _ranks = buffer.Group.Size;
    private readonly int _rank = buffer.Group.Rank;
    private readonly int _localExperts = buffer.LocalExperts;
    private readonly int _maxTokens = buffer.Options.MaxTokensPerRank;

    public override void PublishDispatch(int set, LowLatencyPost post, long stride)
    {
        for (var expert = 0; expert < post.ExpertCount.Length; expert++)
        {
            var target = expert / _localExperts;
            if (buffer.IsMasked(target))
                continue;
            var area =
                buffer.ReceiveOffset(set)
                + ((long)(expert % _localExperts) * _ranks + _rank) * _maxTokens * stride;
            var peer = _memory.Peer(target);
            for (var i = 0; i < post.ExpertCount[expert]; i++)
            {
                var message = post.Rows + post.Tokens[post.ExpertOffset[expert] + i] * stride;
                if (peer != null)
                    RowCopy.Copy(peer + area + i * stride, message, stride, stream: false);
                else
                    _transport.Put(_memory, target, area + i * stride, message, stride);
            }
        }
        for (var target = 0; target < _ranks; target++)
            Notify(
                set,
                target,
                post.Shape,
                post.ExpertCount.AsSpan(target * _localExperts, _localExperts)
            );
        _transport.Quiet();
    }

    public override void PublishCombine(int set, LowLatencyPost post)
    {
        for (var target = 0; target < _ranks; target++)
            Notify(set, target, post.Shape, []);
        _transport.Quiet();
    }

    public override CallShape PeerShape(int set, int rank) =>
        Unsafe.ReadUnaligned<CallShape>(NotifySlot(set, rank));

    public override int Count(int set, int source, int localExpert) =>
        ((int*)(NotifySlot(set, source) + CallShape.Bytes))[localExpert];

    public override byte* Message(int set, int source, int localExpert, int index, long stride) =>
        _memory.Local
        + buffer.ReceiveOffset(set)
        + (((long)localExpert * _ranks + source) * _maxTokens + index) * stride;

    public override byte* CombineRowTarget(int set, long sendRow, int home, int expert, int token)
    {
        var peer = _memory.Peer(home);
        return peer != null
            ? peer + CombineOffset(set, expert, token)
            : buffer.SendArea(set) + sendRow * buffer.Layout.CombineBytes;
    }

    public override void SendCombineRow(
        int set,
        byte* row,
        long bytes,
        int home,
        int expert,
        int token
    )
    {
        var offset = CombineOffset(set, expert, token);
        var peer = _memory.Peer(home);
        if (peer == null)
            _transport.Put(_memory, home, offset, row, bytes);
        else if (peer + offset != row)
            RowCopy.Copy(peer + offset, row, bytes, stream: false);
    }

    public override byte* CombinedRow(int set, int expert, int token, int slot) =>
        _memory.Local + CombineOffset(set, expert, token);

    private long CombineOffset(int set, int expert, int token) =>
        buffer.ReceiveOffset(set)
        + ((long)expert * _maxTokens + token) * buffer.Layout.CombineBytes;

    private byte* NotifySlot(int set, int source) =>
        _memory.Local
        + buffer.Layout.NotifyOffset
        + ((long)set * _ranks + source) * buffer.Layout.NotifyBytes;

    private void Notify(int set, int target, in CallShape shape, ReadOnlySpan<int> counts)
    {
        if (buffer.IsMasked(target))
            return;
        var slots = buffer.Layout.NotifyBytes * _ranks * set;
        var message =
            _memory.Local
            + buffer.Layout.NotifySendOffset
            + slots
            + target * buffer.Layout.NotifyBytes;
        Unsafe.WriteUnaligned(message, shape);
        counts.CopyTo(new Span<int>(message + CallShape.Bytes, counts.Length));
        _transport.Put(
            _memory,
            target,
            buffer.Layout.NotifyOffset + slots + _rank * buffer.Layout.NotifyBytes,
            message,
            CallShape.Bytes + counts.Length * (long)sizeof(int)
        );
    }
}
