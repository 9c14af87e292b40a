// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep;

/// <summary>
/// How the ranks of a group are spread over domains (hosts, or NVLink islands). Ranks of one domain are
/// consecutive: rank = domain · <see cref="DomainSize"/> + index. Immutable.
/// </summary>
public sealed record EpTopology
{
    /// <summary>Creates a topology.</summary>
    /// <param name="size">Number of ranks, 1 to 1024.</param>
    /// <param name="domainCount">Number of domains; divides the number of ranks.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is outside its range.</exception>
    /// <exception cref="ArgumentException">The domains do not divide the ranks.</exception>
    public EpTopology(int size, int domainCount = 1)
    {
        if (size is < 1 or > MaxRanks)
            throw new ArgumentOutOfRangeException(
                nameof(size),
                $"size: expected 1 to {MaxRanks} ranks, got {size}"
            );
        if (domainCount < 1 || size % domainCount != 0)
            throw new ArgumentException(
                $"domainCount: expected a divisor of {size}, got {domainCount}",
                nameof(domainCount)
            );
        Size = size;
        DomainCount = domainCount;
    }

    /// <summary>Largest number of ranks in a group.</summary>
    public const int MaxRanks = 1024;

    /// <summary>Number of ranks.</summary>
    public int Size { get; }

    /// <summary>Number of domains.</summary>
    public int DomainCount { get; }

    /// <summary>Ranks per domain.</summary>
    public int DomainSize => Size / DomainCount;

    /// <summary>The domain of a rank.</summary>
    /// <param name="rank">The rank.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such rank.</exception>
    public int DomainOf(int rank)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, Size);
        return rank / DomainSize;
    }

    /// <summary>The same ranks in another number of domains, to try multi-domain layouts in one process.</summary>
    /// <param name="domainCount">Number of domains; divides the number of ranks.</param>
    public EpTopology Override(int domainCount) => new(Size, domainCount);
}
