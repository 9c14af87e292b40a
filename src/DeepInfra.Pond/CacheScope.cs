// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>Who may reuse a committed task result.</summary>
public enum CacheScope
{
    /// <summary>Only sessions with the same <see cref="PondOptions.JobId"/>.</summary>
    Job,

    /// <summary>Every session with the same data root. Intermediate results are kept.</summary>
    Root,
}
