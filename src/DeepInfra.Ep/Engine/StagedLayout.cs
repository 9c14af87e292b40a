// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep.Engine;

/// <summary>
/// Sizes and offsets of a throughput buffer's symmetric memory: signals, notify slots, a receive area of one
/// fixed slot per (source rank, token) and, for transports without load/store, a send area.
/// </summary>
internal readonly struct StagedLayout
{
    public StagedLayout(int ranks, ThroughputBufferOptions options, bool staged, bool sendArea)
    {
        MaxLocalExperts = Math.Min(
            ThroughputBuffer.MaxLocalExperts,
            (ThroughputBuffer.MaxExperts + ranks - 1) / ranks
        );
        NotifyBytes = Align(
            CallShape.Bytes + (long)ranks * sizeof(int) + (long)MaxLocalExperts * sizeof(int),
            64
        );
        RecordBytes = DispatchRecordCapacity(options);
        CombineBytes = CombineRecordCapacity(options);
        var m = (long)options.MaxTokensPerRank;
        SignalOffset = 0;
        NotifyOffset = SignalBoard.BytesFor(ranks, EpBuffer.SignalKinds);
        if (!staged)
        {
            TotalBytes = NotifyOffset;
            return;
        }
        NotifySendOffset = NotifyOffset + ranks * NotifyBytes;
        ReceiveOffset = NotifySendOffset + ranks * NotifyBytes;
        var receive = checked(Math.Max(ranks * m * RecordBytes, ranks * m * CombineBytes));
        SendOffset = checked(ReceiveOffset + receive);
        TotalBytes = SendOffset + (sendArea ? m * RecordBytes : 0);
    }

    public int MaxLocalExperts { get; }

    public long NotifyBytes { get; }

    /// <summary>Largest dispatch record.</summary>
    public long RecordBytes { get; }

    /// <summary>Largest combine record.</summary>
    public long CombineBytes { get; }

    public long SignalOffset { get; }

    public long NotifyOffset { get; }

    public long NotifySendOffset { get; }

    public long ReceiveOffset { get; }

    public long SendOffset { get; }

    public long TotalBytes { get; }

    /// <summary>Bytes of a dispatch record: payload, scale factors and routing data, each a multiple of 32.</summary>
    public static long RecordFor(long rowBytes, int packs, int topK) =>
        Align(rowBytes, 32) + Align(packs * 4L, 32) + Align(topK * 8L + 8, 32);

    /// <summary>Bytes of a combine record: payload and weights, each a multiple of 32.</summary>
    public static long CombineRecordFor(long rowBytes, int topK) =>
        Align(rowBytes, 32) + Align(topK * 4L, 32);

    public static long DispatchRecordCapacity(ThroughputBufferOptions options)
    {
        var wide = RecordFor(
            (long)options.Hidden * DTypes.SizeInBytes(options.LargestElement),
            0,
            options.MaxTopK
        );
        // One pack of scale factors per 32 channels is the finest that FP8 rows use.
        var fp8 = RecordFor(options.Hidden, (options.Hidden + 31) / 32, options.MaxTopK);
        return Math.Max(wide, fp8);
    }

    public static long CombineRecordCapacity(ThroughputBufferOptions options) =>
        CombineRecordFor(
            (long)options.Hidden * DTypes.SizeInBytes(options.LargestElement),
            options.MaxTopK
        );

    public static long Align(long value, long alignment) =>
        (value + alignment - 1) / alignment * alignment;
}
