// SPDX-License-Identifier: MIT
using System.Numerics;
using DeepInfra.Fs.Management;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Metadata;

/// <summary>
/// Where the chunks of a file lie: the file is cut into chunks of equal size, and chunk number i goes to the chain in
/// slot i modulo stripe of the file's slot list. Immutable.
/// </summary>
internal sealed class FileLayout
{
    /// <summary>Chunk indices have 32 bits.</summary>
    public const long MaximumChunks = 1L << 32;

    // The slot list has as many entries, and a message of 40 bytes can ask for any number.
    private const uint MaximumStripe = 1 << 20;

    private const int TrackStep = 7;

    private readonly uint[] _slots;

    private FileLayout(Layout layout, uint[] slots)
    {
        Wire = layout;
        _slots = slots;
    }

    /// <summary>The layout as servers store it.</summary>
    public Layout Wire { get; }

    public uint ChunkSize => Wire.ChunkSize;

    public uint TableId => Wire.TableId;

    public uint TableVersion => Wire.TableVersion;

    /// <summary>The chain-table slots in stripe order; a slot may repeat.</summary>
    public ReadOnlySpan<uint> Slots => _slots;

    public long MaximumFileBytes => MaximumChunks * ChunkSize;

    /// <summary>Prepares a file's layout.</summary>
    /// <param name="layout">The layout from the file's inode.</param>
    /// <param name="method">The cluster's shuffle.</param>
    /// <exception cref="ThreeFsException">The layout is not that of a file (code <see cref="StatusCode.MetaInvalidFileLayout"/>).</exception>
    public static FileLayout Create(Layout layout, ShuffleMethod method = ShuffleMethod.Gcc11)
    {
        if (Validate(layout, requireChains: true) is { IsOk: false } fault)
        {
            throw new ThreeFsException(fault.Code, fault.Message ?? "invalid layout");
        }

        if (layout.StripeSize > MaximumStripe)
        {
            throw new ThreeFsException(
                StatusCode.MetaInvalidFileLayout,
                $"stripe size {layout.StripeSize} is above {MaximumStripe}"
            );
        }

        var slots = layout.Chains switch
        {
            LayoutChainList list => [.. list.ChainIndexes],
            LayoutChainRange { Shuffle: LayoutShuffle.None } range => ChainShuffle.Consecutive(
                range.BaseIndex,
                layout.StripeSize
            ),
            LayoutChainRange range => ChainShuffle.Slots(
                range.BaseIndex,
                layout.StripeSize,
                range.Seed,
                method
            ),
            _ => Array.Empty<uint>(),
        };
        return new FileLayout(layout, slots);
    }

    /// <summary>Checks a layout as servers do; OK or <see cref="StatusCode.MetaInvalidFileLayout"/>.</summary>
    /// <param name="layout">The layout.</param>
    /// <param name="requireChains">Whether it must name chains, as that of a file does.</param>
    public static Status Validate(Layout layout, bool requireChains)
    {
        if (!BitOperations.IsPow2(layout.ChunkSize) || layout.ChunkSize == 0)
        {
            return Invalid($"chunk size {layout.ChunkSize} is not a power of two");
        }

        if (layout.StripeSize == 0)
        {
            return Invalid("stripe size is zero");
        }

        switch (layout.Chains)
        {
            case LayoutEmpty:
                return requireChains ? Invalid("the layout names no chains") : Status.Ok;
            case LayoutChainRange range:
                return layout.TableId == 0 || layout.TableVersion == 0 || range.BaseIndex == 0
                        ? Invalid("a chain range needs table id, table version and base index")
                    : range.Shuffle > LayoutShuffle.StdMt19937
                        ? Invalid($"unknown shuffle {(int)range.Shuffle}")
                    : Status.Ok;
            case LayoutChainList list:
                return list.ChainIndexes.Count != layout.StripeSize
                        ? Invalid(
                            $"{list.ChainIndexes.Count} chains for stripe {layout.StripeSize}"
                        )
                    : list.ChainIndexes.Contains(0) ? Invalid("a chain index is zero")
                    : (layout.TableId == 0) != (layout.TableVersion == 0)
                        ? Invalid("table id and version must both be set or both be zero")
                    : Status.Ok;
            default:
                return Invalid("unknown kind of layout");
        }
    }

    /// <summary>Index of the chunk that holds a position.</summary>
    /// <exception cref="ThreeFsException">The position is beyond the last possible chunk.</exception>
    public uint ChunkIndexOf(long offset)
    {
        var index = offset / ChunkSize;
        return index < MaximumChunks
            ? (uint)index
            : throw new ThreeFsException(
                StatusCode.MetaFileTooLarge,
                $"position {offset} needs chunk {index}; a file has at most {MaximumChunks} chunks of {ChunkSize} bytes"
            );
    }

    /// <summary>The chain-table slot of a chunk.</summary>
    public uint SlotOf(uint chunkIndex, ushort track = 0) =>
        _slots[((ulong)chunkIndex + ((ulong)track * TrackStep)) % (ulong)_slots.Length];

    /// <summary>The chain of a chunk; null while the routing information lacks the layout's table.</summary>
    public uint? ChainOf(RoutingSnapshot routing, uint chunkIndex, ushort track = 0) =>
        routing.FindChain(TableId, TableVersion, SlotOf(chunkIndex, track));

    private static Status Invalid(string message) => new(StatusCode.MetaInvalidFileLayout, message);
}
