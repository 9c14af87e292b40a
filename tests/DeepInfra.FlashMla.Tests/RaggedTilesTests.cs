// SPDX-License-Identifier: MIT
using DeepInfra.FlashMla.Cpu;

namespace DeepInfra.FlashMla.Tests;

public sealed unsafe class RaggedTilesTests
{
    [Fact]
    public void Index_AnyNumber_WalksThroughTilesHeadsAndRequests()
    {
        int[] lengths = [0, 130, 0, 0, 1, 64, 65, 0];
        var offsets = stackalloc int[9];
        for (var i = 0; i < 8; i++)
            offsets[i + 1] = offsets[i] + lengths[i];
        var starts = stackalloc int[9];
        var expected = new List<(int, int, int)>();
        for (var request = 0; request < 8; request++)
        for (var head = 0; head < 3; head++)
        for (var tile = 0; tile < (lengths[request] + 63) / 64; tile++)
            expected.Add((request, head, tile));

        var tiles = new RaggedTiles(offsets, 8, 3, starts);

        tiles.Count.Should().Be(expected.Count);
        for (var i = 0; i < expected.Count; i++)
            tiles[i].Should().Be(expected[i]);
    }

    [Fact]
    public void Index_LargestOffsets_DoesNotOverflow()
    {
        var offsets = stackalloc int[] { 0, 1, int.MaxValue };
        var starts = stackalloc int[3];

        var tiles = new RaggedTiles(offsets, 2, int.MaxValue, starts);

        tiles.Count.Should().Be((1L + (1 << 25)) * int.MaxValue);
        tiles[tiles.Count - 1].Should().Be((1, int.MaxValue - 1, (1 << 25) - 1));
        tiles[int.MaxValue].Should().Be((1, 0, 0));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(int.MaxValue, int.MaxValue)]
    [InlineData(int.MaxValue + 1L, 1 << 30)]
    [InlineData(int.MaxValue * 7L, int.MaxValue)]
    public void WorkUnits_AnyCount_AreCoveredByItems(long count, int items)
    {
        var units = new WorkUnits(count);

        units.ItemCount.Should().Be(items);
        if (items == 0)
            return;
        units[0].First.Should().Be(0);
        units[items - 1].End.Should().Be(count);
        units[items / 2].First.Should().Be(items < 2 ? 0 : units[items / 2 - 1].End);
    }

    [Fact]
    public void DistinctSlots_Random_AgreesWithASet()
    {
        var random = new Random(5);
        for (var round = 0; round < 200; round++)
        {
            var count = random.Next(0, 70);
            var slots = new int[count];
            for (var i = 0; i < count; i++)
                slots[i] = random.Next(-2, 400) * (random.Next(2) == 0 ? 1 : 1 << 20);
            var seen = new HashSet<int>();
            var first = Array.FindIndex(slots, s => s >= 0 && !seen.Add(s));

            fixed (int* pointer = slots)
            {
                var (repeated, original) = DistinctSlots.Find(pointer, count);

                repeated.Should().Be(first);
                if (first >= 0)
                    original.Should().Be(Array.IndexOf(slots, slots[first]));
            }
        }
    }
}
