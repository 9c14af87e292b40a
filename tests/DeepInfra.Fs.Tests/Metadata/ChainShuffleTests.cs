// SPDX-License-Identifier: MIT
using System.Text.Json;
using DeepInfra.Fs.Metadata;

namespace DeepInfra.Fs.Tests.Metadata;

public sealed class ChainShuffleTests
{
    [Fact]
    public void Mt19937_RecordedSeeds_GivesTheRecordedOutputs()
    {
        foreach (var entry in Golden.Entries("mt19937_64"))
        {
            var random = new Mt19937(entry.GetProperty("seed").GetUInt64());
            var expected = entry
                .GetProperty("out")
                .EnumerateArray()
                .Select(e => e.GetUInt64())
                .ToList();

            var actual = expected.Select(_ => random.Next()).ToList();

            actual.Should().Equal(expected);
            for (var i = expected.Count; i < 999; i++)
            {
                random.Next();
            }

            random.Next().Should().Be(entry.GetProperty("out1000th").GetUInt64());
        }
    }

    [Fact]
    public void Mt19937_DefaultSeed_GivesTheStandardsTenThousandth()
    {
        var random = new Mt19937(5489);
        for (var i = 1; i < 10_000; i++)
        {
            random.Next();
        }

        random.Next().Should().Be(9981545732273789042);
    }

    [Fact]
    public void Slots_RecordedLayouts_GiveTheRecordedOrder()
    {
        var different = 0;
        foreach (var entry in Golden.Entries("layout_shuffle"))
        {
            var stripe = entry.GetProperty("stripe").GetUInt32();
            var start = entry.GetProperty("base").GetUInt32();
            var seed = entry.GetProperty("seed").GetUInt64();
            var gcc11 = Numbers(entry.GetProperty("gcc11"));
            var older = entry.GetProperty("gcc10");
            var gcc10 = older.ValueKind == JsonValueKind.String ? gcc11 : Numbers(older);
            different += older.ValueKind == JsonValueKind.String ? 0 : 1;

            ChainShuffle.Slots(start, stripe, seed, ShuffleMethod.Gcc11).Should().Equal(gcc11);
            ChainShuffle.Slots(start, stripe, seed, ShuffleMethod.Gcc10).Should().Equal(gcc10);
        }

        different.Should().BePositive();
    }

    [Theory]
    [InlineData(1, 3, 42ul, "1 3 2")]
    [InlineData(1, 5, 42ul, "1 3 5 2 4")]
    [InlineData(1, 6, 42ul, "1 3 2 5 6 4")]
    [InlineData(1, 16, 20250228ul, "1 7 6 5 9 4 12 2 3 11 13 14 10 15 16 8")]
    [InlineData(101, 7, 0xdeadbeefcafef00d, "101 107 106 104 105 102 103")]
    public void Slots_KnownSeeds_GiveTheKnownOrder(
        uint start,
        uint count,
        ulong seed,
        string expected
    )
    {
        var slots = ChainShuffle.Slots(start, count, seed, ShuffleMethod.Gcc11);

        string.Join(' ', slots).Should().Be(expected);
    }

    [Theory]
    [InlineData(200, 0, 0x13775fc51175aeab)]
    [InlineData(200, 1, 0x13775fc51175aeab)]
    [InlineData(20_000, 0, 0x8e4371a09c10c49d)]
    [InlineData(20_000, 1, 0x64e7e53e601e5705)]
    public void Slots_LongLists_HaveTheKnownHash(uint count, int method, ulong hash)
    {
        var slots = ChainShuffle.Slots(1, count, 1, (ShuffleMethod)method);

        // FNV-1a over the little-endian numbers, from the start value with which the known hashes were made.
        var actual = 1469598103934665603ul;
        foreach (var slot in slots)
        {
            for (var shift = 0; shift < 32; shift += 8)
            {
                actual = unchecked((actual ^ (byte)(slot >> shift)) * 0x100000001b3);
            }
        }

        actual.Should().Be(hash);
    }

    [Fact]
    public void ChooseSeed_ManyDraws_AgreesUnderBothMethods()
    {
        var random = new Random(3);
        for (var i = 0; i < 20; i++)
        {
            var seed = ChainShuffle.ChooseSeed(200, random);
            ChainShuffle
                .Slots(1, 200, seed, ShuffleMethod.Gcc10)
                .Should()
                .Equal(ChainShuffle.Slots(1, 200, seed, ShuffleMethod.Gcc11));
        }
    }

    private static List<uint> Numbers(JsonElement array) =>
        [.. array.EnumerateArray().Select(e => e.GetUInt32())];
}
