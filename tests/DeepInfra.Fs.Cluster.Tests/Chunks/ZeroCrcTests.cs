// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Chunks;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Chunks;

public sealed class ZeroCrcTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(0, 1)]
    [InlineData(5, 4096)]
    [InlineData(4096, 3)]
    [InlineData(100_003, 77_777)]
    public void Combine_TwoParts_EqualsTheWhole(int first, int second)
    {
        var data = new byte[first + second];
        new Random(first).NextBytes(data);

        var combined = ZeroCrc.Combine(
            ZeroCrc.Compute(data.AsSpan(0, first)),
            ZeroCrc.Compute(data.AsSpan(first)),
            second
        );

        combined.Should().Be(ZeroCrc.Compute(data));
        ZeroCrc.ToMessageForm(combined, data.Length).Should().Be(Crc32C.ChunkChecksum(data));
        ZeroCrc.FromMessageForm(Crc32C.ChunkChecksum(data), data.Length).Should().Be(combined);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(4096)]
    [InlineData(1_000_001)]
    public void Shift_ZeroBytes_EqualsAppendingThem(int count)
    {
        var expected = Crc32C.Append(0x12345678, new byte[count]);

        ZeroCrc.Shift(0x12345678, count).Should().Be(expected);
        ZeroCrc.Shift(0x12345678, count).Should().Be(Crc32C.Shift(0x12345678, (ulong)count));
    }
}
