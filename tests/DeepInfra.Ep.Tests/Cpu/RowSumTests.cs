// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Ep.Cpu;

namespace DeepInfra.Ep.Tests.Cpu;

public sealed unsafe class RowSumTests
{
    public static TheoryData<SimdTier, int> TiersAndLengths()
    {
        var data = new TheoryData<SimdTier, int>();
        foreach (var tier in Enum.GetValues<SimdTier>())
            if (tier <= CpuBackendOptions.HardwareTier)
                foreach (var length in new[] { 8, 31, 64, 67, 256 })
                    data.Add(tier, length);
        return data;
    }

    [Theory]
    [MemberData(nameof(TiersAndLengths))]
    public void Sum_BFloat16_EqualsScalarInEveryBit(SimdTier tier, int length)
    {
        var rows = Rows(5, length, seed: 1);
        for (var count = 0; count <= rows.Length; count++)
        {
            var expected = new ushort[length];
            for (var i = 0; i < length; i++)
            {
                float sum = 0;
                for (var row = 0; row < count; row++)
                    sum += (float)BFloat16.FromBits(rows[row][i]);
                expected[i] = ((BFloat16)sum).Bits;
            }
            var actual = new ushort[length];

            WithPointers(
                rows,
                pointers =>
                {
                    fixed (ushort* target = actual)
                        RowSum.Sum(
                            DType.BFloat16,
                            tier,
                            (byte*)target,
                            (byte**)pointers,
                            count,
                            length
                        );
                }
            );

            actual.Should().Equal(expected);
        }
    }

    [Theory]
    [MemberData(nameof(TiersAndLengths))]
    public void Sum_BFloat16PastTheCaches_EqualsScalarInEveryBit(SimdTier tier, int tail)
    {
        // Up to two whole pieces and a bit; targets that allow streaming and some that do not.
        foreach (var length in new[] { tail, 512 + tail, 1024 + tail })
        foreach (var misalignment in new[] { 0, 16, 1 })
        {
            var rows = Rows(5, length, seed: length);
            using var target = Tensor<BFloat16>.Create([length + 64]);
            for (var count = 0; count <= rows.Length; count++)
            {
                var expected = new ushort[length];
                WithPointers(
                    rows,
                    pointers =>
                    {
                        fixed (ushort* plain = expected)
                            RowSum.Sum(
                                DType.BFloat16,
                                default,
                                (byte*)plain,
                                (byte**)pointers,
                                count,
                                length
                            );
                        target.Fill(BFloat16.FromBits(0x4242));
                        RowSum.Sum(
                            DType.BFloat16,
                            tier,
                            (byte*)(target.DataPointer + misalignment),
                            (byte**)pointers,
                            count,
                            length,
                            stream: true
                        );
                        RowCopy.Fence();
                    }
                );

                var bits = target.AsSpan().ToArray().Select(value => value.Bits).ToArray();
                bits[misalignment..(misalignment + length)].Should().Equal(expected);
                bits[(misalignment + length)..].Should().OnlyContain(value => value == 0x4242);
            }
        }
    }

    [Theory]
    [MemberData(nameof(TiersAndLengths))]
    public void Sum_Float32_EqualsScalar(SimdTier tier, int length)
    {
        var random = new Random(2);
        using var rows = Tensor<float>.Create([3, length]);
        foreach (ref var value in rows.AsSpan())
            value = random.NextSingle() * 1e3f;
        using var target = Tensor<float>.Create([length]);
        var pointers = stackalloc byte*[3];
        for (var row = 0; row < 3; row++)
            pointers[row] = (byte*)(rows.DataPointer + row * length);

        RowSum.Sum(DType.Float32, tier, (byte*)target.DataPointer, pointers, 3, length);

        for (var i = 0; i < length; i++)
            target[i].Should().Be(rows[0, i] + rows[1, i] + rows[2, i]);
    }

    [Theory]
    [MemberData(nameof(TiersAndLengths))]
    public void WeightedSum_EqualsScalarInEveryBit(SimdTier tier, int length)
    {
        var rows = Rows(4, length, seed: 3);
        float[] weights = [0.25f, -1.5f, 0.1f, 3f];
        var expected = new ushort[length];
        for (var i = 0; i < length; i++)
        {
            float sum = 0;
            for (var row = 0; row < rows.Length; row++)
                sum = MathF.FusedMultiplyAdd(
                    (float)BFloat16.FromBits(rows[row][i]),
                    weights[row],
                    sum
                );
            expected[i] = ((BFloat16)sum).Bits;
        }
        var actual = new ushort[length];

        WithPointers(
            rows,
            pointers =>
            {
                fixed (ushort* target = actual)
                fixed (float* factors = weights)
                    WeightedRowSum.Sum(tier, target, (ushort**)pointers, factors, 4, length);
            }
        );

        actual.Should().Equal(expected);
    }

    [Theory]
    [InlineData(16, 0)]
    [InlineData(255, 3)]
    [InlineData(256, 0)]
    [InlineData(1000, 17)]
    [InlineData(14336, 48)]
    public void Copy_PastTheCaches_CopiesEveryByte(int bytes, int misalignment)
    {
        var source = new byte[bytes + 128];
        var target = new byte[bytes + 128];
        new Random(4).NextBytes(source);

        fixed (
            byte* from = source,
                to = target
        )
        {
            RowCopy.Copy(to + misalignment, from + 5, bytes, stream: true);
            RowCopy.Fence();
        }

        target.AsSpan(misalignment, bytes).SequenceEqual(source.AsSpan(5, bytes)).Should().BeTrue();
        target.AsSpan(0, misalignment).ToArray().Should().NotContain(b => b != 0);
        target.AsSpan(misalignment + bytes).ToArray().Should().OnlyContain(b => b == 0);
    }

    // Ordinary values with infinities, NaN of both signs, zeros of both signs and the largest numbers between.
    private static ushort[][] Rows(int count, int length, int seed)
    {
        ushort[] special = [0x7F80, 0xFF80, 0x7FC1, 0xFFFF, 0x8000, 0, 0x7F7F, 0xFF7F, 1];
        var random = new Random(seed);
        var rows = new ushort[count][];
        for (var row = 0; row < count; row++)
        {
            rows[row] = new ushort[length];
            for (var i = 0; i < length; i++)
                rows[row][i] =
                    random.Next(6) == 0
                        ? special[random.Next(special.Length)]
                        : ((BFloat16)(random.NextSingle() * 4 - 2)).Bits;
        }
        return rows;
    }

    private static void WithPointers(ushort[][] rows, Action<nint> body)
    {
        var handles = Array.ConvertAll(
            rows,
            row =>
                System.Runtime.InteropServices.GCHandle.Alloc(
                    row,
                    System.Runtime.InteropServices.GCHandleType.Pinned
                )
        );
        var pointers = Array.ConvertAll(handles, handle => handle.AddrOfPinnedObject());
        fixed (nint* first = pointers)
            body((nint)first);
        foreach (var handle in handles)
            handle.Free();
    }
}
