// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs.Metadata;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Metadata;

/// <summary>
/// Chooses where the chunks of new files go: consecutive slots of the chain table, each file starting
/// where the one before it ended, in an order shuffled by a random seed.
/// </summary>
internal sealed class LayoutAllocator(Func<RoutingInfo> routing)
{
    private const uint MaxStripeSize = 100_000;

    private readonly ConcurrentDictionary<uint, StrongBox> _next = new();

    /// <summary>Checks a layout that is to become the default of a directory.</summary>
    /// <exception cref="ServiceException">It is not valid (3013).</exception>
    public void CheckDirectory(Layout layout)
    {
        Check(layout, false);
    }

    /// <summary>The layout of a new file.</summary>
    /// <param name="wanted">What was asked for, or the default of the directory.</param>
    /// <exception cref="ServiceException">It is not valid (3013).</exception>
    public Layout Allocate(Layout wanted)
    {
        Check(wanted, false);
        if (wanted.Chains is not LayoutEmpty)
        {
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
                // One that every implementation of the shuffle turns into the same order.
                Seed = ChainShuffle.ChooseSeed(wanted.StripeSize, Random.Shared),
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

    private void Check(Layout layout, bool requireChains)
    {
        if (FileLayout.Validate(layout, requireChains) is { IsOk: false } status)
        {
            throw Invalid(status.Message ?? "invalid layout");
        }
        if (layout.StripeSize > MaxStripeSize)
        {
            throw Invalid($"stripe size {layout.StripeSize} is above {MaxStripeSize}");
        }
        if (layout.TableId != 0 || layout.Chains is LayoutEmpty)
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
