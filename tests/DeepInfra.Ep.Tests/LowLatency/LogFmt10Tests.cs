// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.Ep;
using DeepInfra.Core;
using DeepInfra.Ep.LowLatency;
using DeepInfra.Testing;

namespace DeepInfra.Ep.Tests.LowLatency;

public sealed unsafe class LogFmt10Tests
{
    [Theory]
    [InlineData(512)]
    [InlineData(1536)]
    [InlineData(7168)]
    public void Decode_OfEncode_IsWithinOneStep(int hidden)
    {
        var random = new Random(hidden);
        var row = new ushort[hidden];
        for (var i = 0; i < hidden; i++)
            row[i] = ((BFloat16)((random.NextSingle() - 0.5f) * 1.9f)).Bits;

        var (decoded, bytes) = RoundTrip(row);

        // Metadata, then ten bits per value.
        bytes.Should().Be(hidden / 128 * 4 + hidden / 16 * 20);
        for (var i = 0; i < hidden; i++)
        {
            var exact = (float)BFloat16.FromBits(row[i]);
            // 32 octaves in 510 steps at most: a factor of 2^(32/510) from step to step.
            Math.Abs(decoded[i] - exact)
                .Should()
                .BeLessThanOrEqualTo(Math.Abs(exact) * 0.045f + 1e-9f);
            MathF.Sign(decoded[i]).Should().Be(MathF.Sign(exact));
        }
    }

    [Fact]
    public void Encode_BlockWithLargeValue_StaysPlainAndOthersFollowWithoutGap()
    {
        const int hidden = 1536; // three blocks of 512
        var row = new ushort[hidden];
        for (var i = 0; i < hidden; i++)
            row[i] = ((BFloat16)(0.01f + i % 97 * 0.005f)).Bits;
        row[600] = ((BFloat16)3f).Bits;

        var (decoded, bytes) = RoundTrip(row);

        bytes.Should().Be(hidden / 128 * 4 + 2 * 512 / 16 * 20 + 2 * 512);
        for (var i = 512; i < 1024; i++)
            decoded[i].Should().Be((float)BFloat16.FromBits(row[i]));
        decoded[1200].Should().BeApproximately((float)BFloat16.FromBits(row[1200]), 0.01f);
    }

    [Theory]
    [InlineData(0f)] // all zero: no range
    [InlineData(0.5f)] // all equal: no range
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(1f)] // not below one
    public void Encode_GroupWithoutRange_StaysPlain(float value)
    {
        var row = new ushort[512];
        Array.Fill(row, ((BFloat16)value).Bits);

        var (decoded, bytes) = RoundTrip(row);

        bytes.Should().Be(4 * 4 + 1024);
        decoded.Should().OnlyContain(v => v.Equals(value));
    }

    [Fact]
    public void Encode_ZerosAmongValues_DecodeToZeroWithSign()
    {
        var row = new ushort[512];
        for (var i = 0; i < 512; i++)
            row[i] = i % 3 == 0 ? (ushort)(i % 2 << 15) : ((BFloat16)(i / 1024f)).Bits;

        var (decoded, bytes) = RoundTrip(row);

        bytes.Should().Be(16 + 640);
        for (var i = 0; i < 512; i += 3)
            decoded[i].Should().Be(0);
        decoded[511].Should().BeApproximately(511 / 1024f, 1e-3f);
    }

    [Fact]
    public void Encode_LargestAndSmallest_HitTheEndsOfTheScale()
    {
        // Sixteen values: codes fill 144 bits, signs the next 16.
        var row = new ushort[512];
        for (var i = 0; i < 512; i++)
            row[i] = (ushort)(
                ((BFloat16)(i % 2 == 0 ? 0.5f : 0.25f)).Bits | (i % 4 == 3 ? 0x8000 : 0)
            );
        var target = new byte[4096];

        fixed (ushort* source = row)
        fixed (byte* encoded = target)
            LogFmt10.Encode(source, 512, encoded);

        var words = target.AsSpan(16, 20);
        var bits = new System.Collections.BitArray(words.ToArray());
        for (var i = 0; i < 16; i++)
        {
            var code = 0;
            for (var bit = 0; bit < 9; bit++)
                code |= bits[i * 9 + bit] ? 1 << bit : 0;
            code.Should().Be(i % 2 == 0 ? 511 : 1);
            bits[144 + i].Should().Be(i % 4 == 3);
        }
    }

    [Fact]
    public void Combine_WithLogFmt_IsCloseToPlainCombine()
    {
        const int ranks = 2;
        var data = LowLatencyData.Create(ranks, 5, 1024, 8, 3, seed: 9);
        foreach (var rows in data.ExpertRows)
        foreach (ref var value in rows.AsSpan())
            value = (BFloat16)((float)value * 0.9f);
        var expected = ReferenceExpertParallel.LowLatencyCombine(
            data.ExpertRows,
            data.TopkIdx,
            data.TopkWeights,
            8
        );
        foreach (var zeroCopy in new[] { true, false })
        {
            var groups = ExpertParallelGroup.CreateInProcess(
                ranks,
                new InProcessOptions { ZeroCopy = zeroCopy }
            );
            RankThreads.Run(
                groups,
                group =>
                {
                    var rank = group.Rank;
                    using var buffer = LowLatencyBuffer.Create(group, data.BufferOptions);
                    using var received = buffer.Dispatch(data.X[rank], data.TopkIdx[rank]);
                    using var combined = buffer.Combine(
                        data.ExpertRows[rank],
                        data.TopkIdx[rank],
                        data.TopkWeights[rank],
                        received.Handle,
                        new LowLatencyCombineOptions { UseLogFmt = true }
                    );

                    Metrics
                        .ShiftedDifference<BFloat16, BFloat16>(
                            combined.X.AsSpan(),
                            expected[rank].AsSpan()
                        )
                        .Should()
                        .BeLessThan(Tolerances.Ep.LowLatencyFp8.Difference);
                }
            );
        }
    }

    private static (float[] Decoded, long Bytes) RoundTrip(ushort[] row)
    {
        var encoded = new byte[row.Length * 2 + row.Length / 128 * 4];
        var decoded = new float[row.Length];
        fixed (ushort* source = row)
        fixed (byte* target = encoded)
        fixed (float* values = decoded)
        {
            var bytes = LogFmt10.Encode(source, row.Length, target);
            LogFmt10.EncodedBytes(target, row.Length).Should().Be(bytes);
            LogFmt10.Decode(target, row.Length, values);
            return (decoded, bytes);
        }
    }
}
