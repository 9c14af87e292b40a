// SPDX-License-Identifier: MIT
using FsCheck;
using FsCheck.Xunit;

namespace DeepInfra.FlashMla.Tests;

public sealed class MlaScheduleTests
{
    [Fact]
    public void Compute_ThreeRequestsOnFourParts_GivesTheKnownRecords()
    {
        var parts = new MlaPartRecord[4];
        var splits = new int[4];

        var total = MlaSchedule.Compute([1, 0, 6400], 5, parts, splits);

        parts
            .Should()
            .Equal(
                new MlaPartRecord(0, 2, 0, 18, 0, 0, 1),
                new MlaPartRecord(2, 2, 18, 48, 1, 1, 1),
                new MlaPartRecord(2, 2, 48, 78, 2, 1, 1),
                new MlaPartRecord(2, 2, 78, 100, 3, 1, 1)
            );
        splits.Should().Equal(0, 1, 2, 6);
        total.Should().Be(6);
    }

    [Fact]
    public void Compute_MorePartsThanWork_LeavesIdleParts()
    {
        var parts = new MlaPartRecord[5];
        var splits = new int[3];

        MlaSchedule.Compute([64, 0], 5, parts, splits);

        parts[0].BeginRequest.Should().Be(0);
        parts.Skip(2).Should().OnlyContain(p => p.BeginRequest == 2);
    }

    [Fact]
    public void Compute_EmptyLastRequest_HasEndBlockZero()
    {
        var parts = new MlaPartRecord[1];
        var splits = new int[3];

        MlaSchedule.Compute([100, 0], 5, parts, splits);

        parts[0].Should().Be(new MlaPartRecord(0, 1, 0, 0, 0, 0, 0));
        splits.Should().Equal(0, 1, 2);
    }

    [Fact]
    public void Compute_EmptyBatch_LeavesAllPartsIdle()
    {
        var parts = new MlaPartRecord[2];

        MlaSchedule.Compute([], 5, parts, new int[1]).Should().Be(0);

        parts.Should().OnlyContain(p => p.BeginRequest == 0 && p.EndRequest == -1);
    }

    [Fact]
    public void Compute_OneMillionTokens_SplitsOverAllParts()
    {
        var parts = new MlaPartRecord[132];
        var splits = new int[2];

        MlaSchedule.Compute([1_000_000], 5, parts, splits);

        CheckCoverage([1_000_000], parts, splits);
        splits[1].Should().BeGreaterThan(100);
    }

    [Fact]
    public void Compute_TwelveThousandRequests_CoversAll()
    {
        var random = new Random(3);
        var lengths = Enumerable.Range(0, 12_000).Select(_ => random.Next(0, 5000)).ToArray();
        var parts = new MlaPartRecord[132];
        var splits = new int[12_001];

        MlaSchedule.Compute(lengths, 3, parts, splits);

        CheckCoverage(lengths, parts, splits);
    }

    [Property(MaxTest = 200)]
    public void Compute_AnyBatch_CoversEveryBlockOnceAndInOrder(
        ushort[] rawLengths,
        byte rawParts,
        byte overhead
    )
    {
        var lengths = rawLengths.Select(n => n % 7 == 0 ? 0 : (int)n).ToArray();
        var parts = new MlaPartRecord[1 + rawParts % 40];
        var splits = new int[lengths.Length + 1];

        var total = MlaSchedule.Compute(lengths, overhead % 8, parts, splits);

        total.Should().Be(splits[^1]);
        CheckCoverage(lengths, parts, splits);
    }

    [Fact]
    public void Compute_BadArguments_Throw()
    {
        FluentActions
            .Invoking(() => MlaSchedule.Compute([-1], 5, new MlaPartRecord[1], new int[2]))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*sequenceLengths[0]*-1*");
        FluentActions
            .Invoking(() => MlaSchedule.Compute([1], 5, [], new int[2]))
            .Should()
            .Throw<ArgumentException>()
            .WithParameterName("parts");
        FluentActions
            .Invoking(() => MlaSchedule.Compute([1], 5, new MlaPartRecord[1], new int[1]))
            .Should()
            .Throw<ArgumentException>()
            .WithParameterName("splitOffsets");
        FluentActions
            .Invoking(() => MlaSchedule.Compute([1], -1, new MlaPartRecord[1], new int[2]))
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .WithParameterName("overheadBlocks");
        FluentActions
            .Invoking(() => MlaSchedule.DenseBlocks(-1))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void DensePartCount_FollowsTheDivisionOrder()
    {
        MlaSchedule.DensePartCount(132, 1, 1, 128).Should().Be(66);
        MlaSchedule.DensePartCount(132, 1, 2, 128).Should().Be(33);
        MlaSchedule.DensePartCount(132, 8, 1, 16).Should().Be(16);
        MlaSchedule.DensePartCount(2, 8, 4, 128).Should().Be(1);
    }

    [Fact]
    public unsafe void MlaPartRecord_Is32Bytes() => sizeof(MlaPartRecord).Should().Be(32);

    private static void CheckCoverage(int[] lengths, MlaPartRecord[] parts, int[] splitOffsets)
    {
        var next = new int[lengths.Length];
        var splits = new int[lengths.Length];
        var flagged = new bool[lengths.Length];
        var request = 0;
        foreach (var part in parts)
        {
            for (var r = part.BeginRequest; r <= part.EndRequest && r < lengths.Length; r++)
            {
                var blocks = (lengths[r] + 63) / 64;
                var begin = r == part.BeginRequest ? part.BeginBlock : 0;
                var end = r == part.EndRequest ? part.EndBlock : blocks;
                r.Should().BeGreaterThanOrEqualTo(request);
                request = r;
                begin.Should().Be(next[r]);
                end.Should().BeInRange(begin, blocks);
                if (r == part.BeginRequest)
                    part.BeginSplit.Should().Be(splits[r]);
                next[r] = end;
                splits[r]++;
                flagged[r] |=
                    (r == part.BeginRequest && part.FirstIsSplit != 0)
                    || (r == part.EndRequest && part.LastIsSplit != 0);
            }
        }
        for (var r = 0; r < lengths.Length; r++)
        {
            next[r].Should().Be((lengths[r] + 63) / 64);
            splits[r].Should().BeInRange(1, lengths[r] == 0 ? 1 : parts.Length);
            (splitOffsets[r + 1] - splitOffsets[r]).Should().Be(splits[r]);
            flagged[r].Should().Be(splits[r] > 1);
        }
        splitOffsets[^1].Should().BeLessThanOrEqualTo(lengths.Length + parts.Length);
    }
}
