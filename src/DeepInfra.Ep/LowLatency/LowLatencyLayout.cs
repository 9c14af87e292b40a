// SPDX-License-Identifier: MIT
using DeepInfra.Ep.Engine;

namespace DeepInfra.Ep.LowLatency;

/// <summary>
/// Sizes and offsets of a low-latency buffer's symmetric memory: signals, the rank mask, and two sets of notify
/// slots, send area and (where ranks do not read each other's send area) receive area.
/// </summary>
internal readonly struct LowLatencyLayout
{
    /// <summary>Bytes in front of a dispatch message's payload: the source token and padding.</summary>
    public const int HeaderBytes = 16;

    public LowLatencyLayout(int ranks, LowLatencyBufferOptions options, bool staged)
    {
        Hidden = options.Hidden;
        CombineBytes = CombineStride(options.Hidden);
        var (m, experts) = ((long)options.MaxTokensPerRank, (long)options.Experts);
        NotifyBytes = Align(CallShape.Bytes + experts / ranks * sizeof(int), 64);
        MaskOffset = SignalBoard.BytesFor(ranks, LowLatencyBuffer.LowLatencySignalKinds);
        NotifyOffset = Align(MaskOffset + ranks * sizeof(int), 64);
        NotifySendOffset = NotifyOffset + 2 * ranks * NotifyBytes;
        SendOffset = NotifySendOffset + 2 * ranks * NotifyBytes;
        var message = Math.Max(
            MessageStride(options.Hidden, LowLatencyFormat.Bf16),
            MessageStride(options.Hidden, LowLatencyFormat.Fp8)
        );
        SendBytes = Align(checked(Math.Max(m * message, experts * m * CombineBytes)), 64);
        ReceiveBytes = Align(checked(experts * m * Math.Max(message, CombineBytes)), 64);
        ReceiveOffset = checked(SendOffset + 2 * SendBytes);
        TotalBytes = staged ? checked(ReceiveOffset + 2 * ReceiveBytes) : ReceiveOffset;
    }

    public int Hidden { get; }

    /// <summary>Distance of combine rows: LogFMT metadata, then a BFloat16 row.</summary>
    public long CombineBytes { get; }

    public long NotifyBytes { get; }

    public long MaskOffset { get; }

    public long NotifyOffset { get; }

    public long NotifySendOffset { get; }

    public long SendOffset { get; }

    public long SendBytes { get; }

    public long ReceiveOffset { get; }

    public long ReceiveBytes { get; }

    public long TotalBytes { get; }

    /// <summary>Bytes of LogFMT metadata in front of a row: two BFloat16 per 128 channels.</summary>
    public static long MetadataBytes(int hidden) => hidden / 128 * 4L;

    public static long CombineStride(int hidden) => Align(MetadataBytes(hidden) + 2L * hidden, 16);

    /// <summary>Distance of dispatch messages: header, then a BFloat16 row, or codes and Float32 scales.</summary>
    public static long MessageStride(int hidden, LowLatencyFormat format) =>
        format == LowLatencyFormat.Bf16
            ? HeaderBytes + 2L * hidden
            : Align(HeaderBytes + hidden + hidden / 128 * 4L, 16);

    public static long Align(long value, long alignment) =>
        (value + alignment - 1) / alignment * alignment;
}
