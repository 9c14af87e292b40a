// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Engine;

/// <summary>
/// How rows get from rank to rank. Both ways have the same two synchronisation points: an arrival signal
/// that carries the call's shape and counts, and a done signal after which memory may be reused.
/// </summary>
internal abstract class ThroughputPath
{
    /// <summary>Rows per work item.</summary>
    protected const int BlockRows = 64;

    /// <summary>Publishes a dispatch and signals arrival.</summary>
    public abstract void Announce(DispatchRequest request);

    /// <summary>Publishes a combine and signals arrival.</summary>
    public abstract void Announce(CombineRequest request);

    /// <summary>Publishes a barrier and signals arrival.</summary>
    public abstract void Announce(in CallShape shape);

    /// <summary>The shape that a rank announced. Valid between its arrival and this rank's done signal.</summary>
    public abstract CallShape PeerShape(int rank);

    /// <summary>Rows that one rank sends to another in the announced dispatch.</summary>
    public abstract int Count(int source, int target);

    /// <summary>Adds what a rank selects of this rank's experts.</summary>
    public abstract void AddExpertCounts(int source, Span<int> local);

    /// <summary>Moves the rows of a dispatch; on return the inputs of all ranks may change again.</summary>
    public abstract void Transfer(DispatchRequest request, in DispatchOutputs outputs);

    /// <summary>Moves and sums the rows of a combine; on return the inputs of all ranks may change again.</summary>
    public abstract void Transfer(CombineRequest request, in CombineOutputs outputs);

    /// <summary>After a failure: on return no peer reads this rank's tensors, nor will one.</summary>
    public virtual void Withdraw() { }
}
