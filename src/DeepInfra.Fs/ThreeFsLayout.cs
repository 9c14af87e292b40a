// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Metadata;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs;

/// <summary>How a file is spread over the cluster; on a directory it is the default of new files.</summary>
/// <param name="ChainTable">Id of the chain table that names the replication chains.</param>
/// <param name="ChunkSizeBytes">Size of a chunk in bytes; a power of two up to 64 MiB.</param>
/// <param name="StripeSize">Number of chains that take the chunks of a file in turn.</param>
public sealed record ThreeFsLayout(uint ChainTable, uint ChunkSizeBytes, uint StripeSize)
{
    internal Layout ToWire()
    {
        var layout = new Layout
        {
            TableId = ChainTable,
            ChunkSize = ChunkSizeBytes,
            StripeSize = StripeSize,
            Chains = LayoutEmpty.Instance,
        };
        var status = FileLayout.Validate(layout, requireChains: false);
        return status.IsOk ? layout : throw new ArgumentException($"layout: {status.Message}");
    }

    internal static ThreeFsLayout FromWire(Layout layout) =>
        new(layout.TableId, layout.ChunkSize, layout.StripeSize);
}
