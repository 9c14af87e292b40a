// SPDX-License-Identifier: MIT
using System.Buffers;
using DeepInfra.Fs.Cluster.Tests.Client;

namespace DeepInfra.Fs.Cluster.Tests;

public sealed class ZstdFrameCompressorTests
{
    private readonly ZstdFrameCompressor _zstd = new();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1_000_000)]
    public void Decompress_Compressed_GivesTheBody(int length)
    {
        var body = new byte[length];
        new Random(1).NextBytes(body.AsSpan(0, length / 2));

        Decompress(Compress(body), length).Should().Equal(body);
    }

    [Fact]
    public void Decompress_MoreThanTheLimit_IsRefused()
    {
        var frame = Compress(new byte[1_000_000]);

        var decompress = () => Decompress(frame, 999_999);

        decompress.Should().Throw<InvalidDataException>().WithMessage("*999999*");
    }

    [Fact]
    public void Decompress_DamagedAtAnyByte_NeverCrashes()
    {
        var body = ClientFixture.Bytes(2, 3_000);
        var frame = Compress(body);
        for (var i = 0; i < frame.Length; i++)
        {
            var cut = frame[..i];
            var flipped = frame.ToArray();
            flipped[i] ^= 0x55;

            var one = () => Decompress(cut, 1 << 20);
            var two = () => Decompress(flipped, 1 << 20);

            AllowOnlyInvalidData(one);
            AllowOnlyInvalidData(two);
        }
    }

    [Fact]
    public async Task Client_WithCompressor_ReadsWhatItWrote()
    {
        await using var fs = await ClientFixture.StartAsync(o =>
            o with
            {
                Compressor = new ZstdFrameCompressor(),
            }
        );
        var content = new byte[2_000_000];
        ClientFixture.Bytes(3, 500_000).CopyTo(content, 700_000);

        await fs.WriteFileAsync("/f", content);

        (await fs.ReadFileAsync("/f")).AsSpan().SequenceEqual(content).Should().BeTrue();
    }

    private static void AllowOnlyInvalidData(Func<byte[]> action)
    {
        try
        {
            _ = action();
        }
        catch (InvalidDataException)
        {
            // The one way to fail.
        }
    }

    private byte[] Compress(byte[] body)
    {
        var output = new ArrayBufferWriter<byte>();
        _zstd.Compress(body, output);
        return output.WrittenSpan.ToArray();
    }

    private byte[] Decompress(byte[] frame, int limit)
    {
        var output = new ArrayBufferWriter<byte>();
        _zstd.Decompress(frame, output, limit);
        return output.WrittenSpan.ToArray();
    }
}
