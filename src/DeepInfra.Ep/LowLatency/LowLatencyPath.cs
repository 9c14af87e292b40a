// SPDX-License-Identifier: MIT
using DeepInfra.Ep.Engine;

namespace DeepInfra.Ep.LowLatency;

/// <summary>How messages of one set get from rank to rank. A message is written once by its sender and read by its receiver after the sender's sent signal.</summary>
internal abstract unsafe class LowLatencyPath
{
    /// <summary>Publishes shape and counts, and the messages of a dispatch that lie in the send area.</summary>
    public abstract void PublishDispatch(int set, LowLatencyPost post, long stride);

    /// <summary>Publishes shape and row places of a combine.</summary>
    public abstract void PublishCombine(int set, LowLatencyPost post);

    /// <summary>The shape that a rank published.</summary>
    public abstract CallShape PeerShape(int set, int rank);

    /// <summary>Messages from a rank for a local expert.</summary>
    public abstract int Count(int set, int source, int localExpert);

    /// <summary>The i-th message from a rank for a local expert.</summary>
    public abstract byte* Message(int set, int source, int localExpert, int index, long stride);

    /// <summary>Where a row of a combine is written: a local address that <see cref="SendCombineRow"/> is then called with.</summary>
    public abstract byte* CombineRowTarget(int set, long sendRow, int home, int expert, int token);

    /// <summary>Sends a written row, where it does not lie at its destination yet.</summary>
    public abstract void SendCombineRow(
        int set,
        byte* row,
        long bytes,
        int home,
        int expert,
        int token
    );

    /// <summary>A row that came back: expert, and this rank's token and its position among this rank's tokens for that expert.</summary>
    public abstract byte* CombinedRow(int set, int expert, int token, int slot);
}
