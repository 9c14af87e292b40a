// SPDX-License-Identifier: MIT
using DeepInfra.Ep.Engine;

namespace DeepInfra.Ep.LowLatency;

/// <summary>Ranks in one address space: receivers read messages and rows in the senders' send areas.</summary>
internal sealed unsafe class DirectLowLatencyPath : LowLatencyPath
{
    private readonly LowLatencyBuffer _buffer;
    private readonly object?[] _board;
    private readonly int _localExperts;
    private readonly long _rowsPerExpert;

    public DirectLowLatencyPath(LowLatencyBuffer buffer, object?[] board)
    {
        _buffer = buffer;
        _board = board;
        _localExperts = buffer.LocalExperts;
        _rowsPerExpert = (long)buffer.Group.Size * buffer.Options.MaxTokensPerRank;
        Volatile.Write(ref board[buffer.Group.Rank], buffer.Posts);
    }

    // The posts are on the board: nothing to copy before the signal.
    public override void PublishDispatch(int set, LowLatencyPost post, long stride) { }

    public override void PublishCombine(int set, LowLatencyPost post) { }

    public override CallShape PeerShape(int set, int rank) => PostOf(set, rank).Shape;

    public override int Count(int set, int source, int localExpert) =>
        PostOf(set, source).ExpertCount[Global(localExpert)];

    public override byte* Message(int set, int source, int localExpert, int index, long stride)
    {
        var post = PostOf(set, source);
        return post.Rows + post.Tokens[post.ExpertOffset[Global(localExpert)] + index] * stride;
    }

    public override byte* CombineRowTarget(
        int set,
        long sendRow,
        int home,
        int expert,
        int token
    ) => _buffer.SendArea(set) + sendRow * _buffer.Layout.CombineBytes;

    public override void SendCombineRow(
        int set,
        byte* row,
        long bytes,
        int home,
        int expert,
        int token
    ) { }

    public override byte* CombinedRow(int set, int expert, int token, int slot)
    {
        var post = PostOf(set, expert / _localExperts);
        var local = expert % _localExperts;
        var begin = post.LayoutRange[local * _buffer.Group.Size + _buffer.Group.Rank] >> 32;
        var row = local * _rowsPerExpert + begin + slot;
        return post.Rows + row * _buffer.Layout.CombineBytes;
    }

    private int Global(int localExpert) => _buffer.Group.Rank * _localExperts + localExpert;

    private LowLatencyPost PostOf(int set, int rank) =>
        ((LowLatencyPost[])Volatile.Read(ref _board[rank])!)[set];
}
