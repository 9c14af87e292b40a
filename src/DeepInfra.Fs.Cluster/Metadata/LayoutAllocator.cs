// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Numerics;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Metadata;

/// <summary>
/// Chooses where the chunks of new files go: consecutive slots of the chain table, each file starting
/// where the one before it ended, in an order shuffled by a random seed.
/// </summary>
internal sealed class LayoutAllocator(Func<RoutingInfo> routing)
{
    private readonly ConcurrentDictionary<uint, StrongBox> _next = new();

    /// <summary>Checks a layout that is to become the default of a directory.</summary>
    /// <exception cref="ServiceException">It is not valid (3013).</exception>
    public void CheckDirectory(Layout layout)
    {
        CheckSizes(layout);
        if (layout.Chains is LayoutEmpty)
        {
            _ = FindTable(layout.TableId, layout.TableVersion);
        }
        else
        {
            CheckFile(layout);
        }
    }

    /// <summary>The layout of a new file.</summary>
    /// <param name="wanted">What was asked for, or the default of the directory.</param>
    /// <exception cref="ServiceException">It is not valid (3013).</exception>
    public Layout Allocate(Layout wanted)
    {
        CheckSizes(wanted);
        if (wanted.Chains is not LayoutEmpty)
        {
            CheckFile(wanted);
            return wanted;
        }
        var table = FindTable(wanted.TableId, wanted.TableVersion);
        var count = (uint)table.Chains.Count;
        var next = _next.GetOrAdd(
            wanted.TableId,
            static (_, n) => new StrongBox { Value = Random.Shared.Next((int)n) },
            count
        );
        var end = (uint)Interlocked.Add(ref next.Value, (int)wanted.StripeSize);
        return new Layout
        {
            TableId = wanted.TableId,
            TableVersion = table.ChainTableVersion,
            ChunkSize = wanted.ChunkSize,
            StripeSize = wanted.StripeSize,
            Chains = new LayoutChainRange
            {
                BaseIndex = ((end - wanted.StripeSize) % count) + 1,
                Shuffle = LayoutShuffle.StdMt19937,
                Seed = (ulong)Random.Shared.NextInt64(long.MinValue, long.MaxValue),
            },
        };
    }

    /// <summary>The chains that hold chunks of a file, each once.</summary>
    /// <exception cref="ServiceException">The table is gone (3013).</exception>
    public List<uint> ChainsOf(FileInode file)
    {
        var layout = file.Layout;
        IEnumerable<uint> slots = layout.Chains switch
        {
            LayoutChainList list => list.ChainIndexes,
            LayoutChainRange range => Enumerable
                .Range(0, (int)layout.StripeSize)
                .Select(i => range.BaseIndex + (uint)i),
            _ => [],
        };
        if (layout.TableId == 0 && layout.TableVersion == 0)
        {
            return [.. slots.Distinct()];
        }
        var table = FindTable(layout.TableId, layout.TableVersion);
        return
        [
            .. slots
                .Select(s => table.Chains[(int)((s - 1) % (uint)table.Chains.Count)])
                .Distinct(),
        ];
    }

    private static void CheckSizes(Layout layout)
    {
        if (!BitOperations.IsPow2(layout.ChunkSize) || layout.StripeSize == 0)
        {
            throw Invalid(
                $"chunk size {layout.ChunkSize} must be a power of two, stripe size {layout.StripeSize} above 0"
            );
        }
    }

    private void CheckFile(Layout layout)
    {
        switch (layout.Chains)
        {
            case LayoutChainRange range:
                if (
                    layout.TableId == 0
                    || layout.TableVersion == 0
                    || range.BaseIndex == 0
                    || !Enum.IsDefined(range.Shuffle)
                )
                {
                    throw Invalid(
                        "a chain range needs table id, table version, base index and a known shuffle"
                    );
                }
                break;
            case LayoutChainList list:
                if (
                    list.ChainIndexes.Count != layout.StripeSize
                    || list.ChainIndexes.Contains(0)
                    || (layout.TableId == 0) != (layout.TableVersion == 0)
                )
                {
                    throw Invalid(
                        $"a chain list needs {layout.StripeSize} indexes above 0, and table id and version both or neither"
                    );
                }
                break;
            default:
                throw Invalid("a file needs chains");
        }
        if (layout.TableId != 0)
        {
            _ = FindTable(layout.TableId, layout.TableVersion);
        }
    }

    private ChainTable FindTable(uint id, uint version)
    {
        if (
            routing().ChainTables.TryGetValue(id, out var versions)
            && (
                version == 0
                    ? versions.Values.MaxBy(t => t.ChainTableVersion)
                    : versions.GetValueOrDefault(version)
            )
                is { } table
        )
        {
            return table;
        }
        throw Invalid(
            $"ChainTable with ChainTableId({id}) and ChainTableVersion({version}) not found"
        );
    }

    private static ServiceException Invalid(string reason) =>
        new(StatusCode.MetaInvalidFileLayout, reason);

    private sealed class StrongBox
    {
        public int Value;
    }
}
