// SPDX-License-Identifier: MIT
using System.Buffers;
using DeepInfra.Fs.Net;
using ZstdSharp;

namespace DeepInfra.Fs.Tests.Net;

internal sealed class ZstdFrameCompressor : IFrameCompressor
{
    public void Compress(ReadOnlySpan<byte> body, IBufferWriter<byte> output)
    {
        using var compressor = new Compressor(1);
        output.Write(compressor.Wrap(body));
    }

    public void Decompress(ReadOnlySpan<byte> body, IBufferWriter<byte> output, int maximumBytes)
    {
        try
        {
            using var stream = new DecompressionStream(new MemoryStream(body.ToArray()));
            var buffer = new byte[64 << 10];
            var total = 0;
            int count;
            while ((count = stream.Read(buffer, 0, buffer.Length)) > 0)
            {
                total += count;
                if (total > maximumBytes)
                {
                    throw new InvalidDataException($"more than {maximumBytes} bytes");
                }

                output.Write(buffer.AsSpan(0, count));
            }
        }
        catch (Exception e) when (e is ZstdException or EndOfStreamException)
        {
            throw new InvalidDataException(e.Message, e);
        }
    }
}
