// SPDX-License-Identifier: MIT
using System.Text.Json;
using DeepInfra.Fs.Management;
using DeepInfra.Fs.Metadata;
using DeepInfra.Fs.Tests.Wire;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Metadata;

public sealed class FileLayoutTests
{
    private const uint Size = 512 << 10;

    [Fact]
    public void ChainOf_RecordedMapping_GivesTheRecordedChunkAndChain()
    {
        var routing = RecordedRouting();
        var mapped = 0;
        foreach (var entry in Golden.Entries("file_mapping"))
        {
            var layout = FileLayout.Create(
                JsonLoader.Load<Layout, StructOf<Layout>>(entry.GetProperty("layout"))
            );
            var index = layout.ChunkIndexOf(entry.GetProperty("offset").GetInt64());
            var chunk = new ChunkId(entry.GetProperty("inode").GetUInt64(), 0, index);

            var chain = layout.ChainOf(routing, index, entry.GetProperty("track").GetUInt16());

            Convert.ToHexStringLower(chunk.ToArray()).Should().Be(entry.String("chunkIdHex"));
            chunk.ToString().Should().Be(entry.String("chunkIdText"));
            uint? expected = entry.TryGetProperty("chainId", out var id) ? id.GetUInt32() : null;
            chain.Should().Be(expected, entry.GetRawText());
            mapped += chain is null ? 0 : 1;
        }

        mapped.Should().BeGreaterThan(50);
    }

    [Fact]
    public void FindChain_RecordedLookups_GiveTheRecordedChains()
    {
        var routing = RecordedRouting();
        foreach (var entry in Golden.Entries("routing"))
        {
            if (!entry.TryGetProperty("lookup", out var lookup))
            {
                continue;
            }

            var chain = routing.FindChain(
                lookup.GetProperty("table").GetUInt32(),
                lookup.GetProperty("version").GetUInt32(),
                lookup.GetProperty("index").GetUInt32()
            );

            var expected = entry.GetProperty("chainId");
            chain
                .Should()
                .Be(
                    expected.ValueKind == JsonValueKind.Null ? null : expected.GetUInt32(),
                    entry.GetRawText()
                );
        }
    }

    [Fact]
    public void ChunkId_RecordedIds_PackAndPrintAsRecorded()
    {
        foreach (var entry in Golden.Entries("chunk_id"))
        {
            if (entry.TryGetProperty("range", out var range))
            {
                var inode = range.GetProperty("inode").GetUInt64();
                var begin = range.GetProperty("chunkBegin").GetUInt32();
                new ChunkId(inode, 0, begin).ToArray().Should().Equal(entry.Hex("beginHex"));
                ChunkId.EndOfFile(inode).ToArray().Should().Equal(entry.Hex("endHex"));
                continue;
            }

            var id = entry.TryGetProperty("high", out var high)
                ? new ChunkId(high.GetUInt64(), entry.GetProperty("low").GetUInt64())
                : new ChunkId(
                    entry.GetProperty("inode").GetUInt64(),
                    entry.GetProperty("track").GetUInt16(),
                    entry.GetProperty("chunk").GetUInt32()
                );
            id.ToArray().Should().Equal(entry.Hex("hex"));
            id.ToString().Should().Be(entry.String("text"));
            new ChunkId(entry.Hex("hex")).Should().Be(id);
            if (entry.TryGetProperty("nextHex", out _))
            {
                id.Next().ToArray().Should().Equal(entry.Hex("nextHex"));
                id.Inode.Should().Be(entry.GetProperty("inode").GetUInt64());
                id.ChunkIndex.Should().Be(entry.GetProperty("chunk").GetUInt32());
            }
        }
    }

    [Theory]
    [InlineData(64 << 10)]
    [InlineData(512 << 10)]
    [InlineData(64 << 20)]
    public void ChunkIndexOf_LastPosition_FitsAndOneMoreDoesNot(int chunkSize)
    {
        var layout = FileLayout.Create(Range(chunkSize: (uint)chunkSize));
        var end = FileLayout.MaximumChunks * chunkSize;

        layout.ChunkIndexOf(0).Should().Be(0);
        layout.ChunkIndexOf(chunkSize - 1).Should().Be(0);
        layout.ChunkIndexOf(chunkSize).Should().Be(1);
        layout.ChunkIndexOf(end - 1).Should().Be(uint.MaxValue);
        var act = () => layout.ChunkIndexOf(end);
        act.Should()
            .Throw<ThreeFsException>()
            .Which.StatusCode.Should()
            .Be(StatusCode.MetaFileTooLarge);
    }

    [Fact]
    public void Create_StripeOfAHostileServer_IsRefused()
    {
        var act = () => FileLayout.Create(Range(stripe: uint.MaxValue));

        act.Should()
            .Throw<ThreeFsException>()
            .Which.StatusCode.Should()
            .Be(StatusCode.MetaInvalidFileLayout);
    }

    public static TheoryData<string, uint, uint, uint, uint, string> BadLayouts =>
        new()
        {
            { "range", 1, 1, 3, 4, "power of two" },
            { "range", 1, 1, 0, 4, "power of two" },
            { "range", 1, 1, Size, 0, "stripe size" },
            { "range", 0, 1, Size, 4, "table id" },
            { "range", 1, 0, Size, 4, "table version" },
            { "base0", 1, 1, Size, 4, "base index" },
            { "shuffle2", 1, 1, Size, 4, "unknown shuffle" },
            { "list", 1, 1, Size, 4, "chains for stripe" },
            { "list", 1, 0, Size, 2, "both" },
            { "list0", 1, 1, Size, 2, "zero" },
            { "empty", 1, 1, Size, 4, "no chains" },
        };

    [Theory]
    [MemberData(nameof(BadLayouts))]
    public void Create_InvalidLayout_Throws(
        string kind,
        uint table,
        uint version,
        uint chunk,
        uint stripe,
        string reason
    )
    {
        var layout = new Layout
        {
            TableId = table,
            TableVersion = version,
            ChunkSize = chunk,
            StripeSize = stripe,
            Chains = kind switch
            {
                "range" => new LayoutChainRange { BaseIndex = 1 },
                "base0" => new LayoutChainRange(),
                "shuffle2" => new LayoutChainRange { BaseIndex = 1, Shuffle = (LayoutShuffle)2 },
                "list" => new LayoutChainList { ChainIndexes = [1, 2] },
                "list0" => new LayoutChainList { ChainIndexes = [1, 0] },
                _ => LayoutEmpty.Instance,
            },
        };

        var act = () => FileLayout.Create(layout);

        act.Should()
            .Throw<ThreeFsException>()
            .WithMessage($"*{reason}*")
            .Which.StatusCode.Should()
            .Be(StatusCode.MetaInvalidFileLayout);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(200)]
    public void SlotOf_AnyStripe_Repeats(int stripe)
    {
        var layout = FileLayout.Create(Range(stripe: (uint)stripe));

        layout.SlotOf(0).Should().Be(layout.SlotOf((uint)stripe));
        Enumerable
            .Range(0, stripe)
            .Select(i => layout.SlotOf((uint)i))
            .Should()
            .OnlyHaveUniqueItems();
    }

    private static Layout Range(uint chunkSize = Size, uint stripe = 4) =>
        new()
        {
            TableId = 1,
            TableVersion = 1,
            ChunkSize = chunkSize,
            StripeSize = stripe,
            Chains = new LayoutChainRange
            {
                BaseIndex = 1,
                Shuffle = LayoutShuffle.StdMt19937,
                Seed = 42,
            },
        };

    private static RoutingSnapshot RecordedRouting() =>
        new(
            Serde.Read<RoutingInfo>(
                Golden
                    .Entries("routing")
                    .First(e => e.GetProperty("name").GetString() == "RoutingInfo")
                    .Hex("hex")
            )
        );
}
