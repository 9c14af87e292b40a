// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Transports;

/// <summary>Identity of a message. Transports match sends and receives by tag, never by order of arrival.</summary>
/// <param name="StepId">Step that the message belongs to.</param>
/// <param name="Kind">What it carries.</param>
/// <param name="Stage">Stage that consumes it.</param>
/// <param name="MicroBatch">Global micro-batch index.</param>
public readonly record struct MessageTag(long StepId, MessageKind Kind, int Stage, int MicroBatch)
{
    /// <inheritdoc/>
    public override int GetHashCode()
    {
        // Dense small integers: multiplying by an odd constant spreads them well enough.
        var packed =
            ((ulong)StepId << 40) ^ ((ulong)Stage << 22) ^ ((ulong)MicroBatch << 2) ^ (ulong)Kind;
        return (int)((packed * 0x9E3779B97F4A7C15UL) >> 32);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Kind} to stage {Stage}, micro-batch {MicroBatch}, step {StepId}";
}
