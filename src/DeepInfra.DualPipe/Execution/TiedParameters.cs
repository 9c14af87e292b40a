// SPDX-License-Identifier: MIT
using System.Collections.Immutable;

namespace DeepInfra.DualPipe.Execution;

/// <summary>
/// Parameters that are one weight, for example an embedding used by the first and the last stage. Their
/// gradients are summed once over all places that accumulate them; places that share a gradient buffer
/// count once.
/// </summary>
/// <param name="Members">At least two parameters of equal length.</param>
public sealed record TiedParameters(ImmutableArray<ParameterReference> Members)
{
    /// <summary>Ties parameters.</summary>
    /// <param name="members">At least two.</param>
    /// <returns>The tie.</returns>
    public static TiedParameters Of(params ReadOnlySpan<ParameterReference> members) =>
        new([.. members]);
}
