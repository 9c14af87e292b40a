// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Net;

/// <summary>
/// A call that waits for its answer. The receiver claims it before it touches the caller's buffers; an abandoned
/// call cannot be claimed any more, so a caller that gave up owns its buffers again.
/// </summary>
internal abstract class PendingCall
{
    private const int Waiting = 0;
    private const int Claimed = 1;
    private const int Abandoned = 2;

    private int _state;

    /// <summary>Receives the bulk bytes of the answer without an intermediate buffer; null for ordinary calls.</summary>
    public virtual IInlineReplySink? Sink => null;

    /// <summary>Takes the call for completion; false when the caller has given up.</summary>
    public bool TryClaim() => Interlocked.CompareExchange(ref _state, Claimed, Waiting) == Waiting;

    /// <summary>Gives the call up; false when the receiver has claimed it.</summary>
    public bool TryAbandon() =>
        Interlocked.CompareExchange(ref _state, Abandoned, Waiting) == Waiting;

    /// <summary>Decodes the answer; the call is claimed.</summary>
    public abstract void Complete(in PacketHeader header, ReadOnlySpan<byte> payload);

    /// <summary>Ends the call with the answer that its sink has collected; the call is claimed.</summary>
    public abstract void CompleteFromSink();

    /// <summary>Ends the call with an error, claimed or not.</summary>
    public abstract void Fail(Status status);
}

internal sealed class PendingCall<T, TCodec>(IInlineReplySink<T>? sink) : PendingCall
    where TCodec : struct, ISerdeCodec<T>
{
    private readonly TaskCompletionSource<Result<T>> _completion = new(
        TaskCreationOptions.RunContinuationsAsynchronously
    );

    public Task<Result<T>> Task => _completion.Task;

    public override IInlineReplySink? Sink => sink;

    /// <summary>The time stamps that the server filled in, if the request carried any.</summary>
    public PacketTimestamp? Timestamp { get; private set; }

    public override void Complete(in PacketHeader header, ReadOnlySpan<byte> payload)
    {
        Timestamp = header.Timestamp;
        Result<T> result;
        try
        {
            if (sink is not null && TryFillSink(payload))
            {
                CompleteFromSink();
                return;
            }

            result = Serde.Read<Result<T>, ResultOf<T, TCodec>>(payload);
        }
        catch (Exception e)
        {
            // Whatever it was: nobody else ends a call that is claimed.
            result = new Status(
                StatusCode.RpcVerifyResponseFailed,
                $"answer does not decode: {e.Message}"
            );
        }

        _completion.TrySetResult(result);
    }

    /// <summary>Hands the bulk bytes of a small answer, which is in memory already, to the sink.</summary>
    private bool TryFillSink(ReadOnlySpan<byte> payload)
    {
        if (!sink!.TryStart(payload, out var head, out var bulk) || head + bulk > payload.Length)
        {
            return false;
        }

        var bytes = payload.Slice(head, (int)bulk);
        while (!bytes.IsEmpty)
        {
            var target = sink.NextTarget();
            var count = Math.Min(target.Length, bytes.Length);
            if (count == 0)
            {
                return false;
            }

            bytes[..count].CopyTo(target.Span);
            sink.Advance(count);
            bytes = bytes[count..];
        }

        return true;
    }

    public override void CompleteFromSink() => _completion.TrySetResult(sink!.Finish());

    public override void Fail(Status status) => _completion.TrySetResult(status);
}

/// <summary>
/// Takes the bulk bytes at the end of an answer straight from the socket. All methods run on the connection's
/// receive loop, after the call was claimed.
/// </summary>
internal interface IInlineReplySink
{
    /// <summary>Bytes of payload that certainly hold everything before the bulk bytes.</summary>
    int HeadBytesEstimate { get; }

    /// <summary>
    /// Parses the payload's start. Returns false when the head is incomplete or the answer has no bulk bytes; the
    /// frame is then buffered and decoded as usual.
    /// </summary>
    /// <param name="head">The payload as far as it has arrived.</param>
    /// <param name="headLength">Bytes before the bulk data.</param>
    /// <param name="bulkLength">Bytes of bulk data.</param>
    bool TryStart(ReadOnlySpan<byte> head, out int headLength, out long bulkLength);

    /// <summary>Where the next bulk bytes go; not empty while bytes are missing.</summary>
    Memory<byte> NextTarget();

    /// <summary>Reports that bytes were written to the start of the last target.</summary>
    void Advance(int count);

    /// <summary>Folds the bulk bytes into the frame's checksum register.</summary>
    uint AppendChecksum(uint register);
}

/// <summary>A sink that knows the answer's type.</summary>
internal interface IInlineReplySink<T> : IInlineReplySink
{
    /// <summary>The answer without its bulk bytes; the frame arrived whole and its checksum is right.</summary>
    Result<T> Finish();
}
