// SPDX-License-Identifier: MIT
using System.Buffers;
using DeepInfra.Fs.Net;
using ZstdSharp;

namespace DeepInfra.Fs.Cluster;

/// <summary>
/// zstd at level 1 for message bodies. The embedded cluster answers compressed requests with it; a client
/// can install it as <see cref="ThreeFsClientOptions.Compressor"/>.
/// </summary>
/// <remarks>Thread-safe.</remarks>
public sealed class ZstdFrameCompressor : IFrameCompressor
{
    private const int Level = 1;
    private const int PieceBytes = 64 * 1024;

    /// <inheritdoc/>
    public void Compress(ReadOnlySpan<byte> body, IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(output);
        using var compressor = new Compressor(Level);
        var destination = output.GetSpan(Compressor.GetCompressBound(body.Length));
        output.Advance(compressor.Wrap(body, destination));
    }

    /// <inheritdoc/>
    public void Decompress(ReadOnlySpan<byte> body, IBufferWriter<byte> output, int maximumBytes)
    {
        ArgumentNullException.ThrowIfNull(output);
        var input = ArrayPool<byte>.Shared.Rent(body.Length);
        try
        {
            body.CopyTo(input);
            using var source = new MemoryStream(input, 0, body.Length, writable: false);
            using var stream = new DecompressionStream(source);
            var total = 0L;
            while (true)
            {
                // Frames need not say how long their content is, so it is counted as it comes.
                var count = stream.Read(output.GetSpan(PieceBytes));
                if (count == 0)
                {
                    return;
                }
                total += count;
                if (total > maximumBytes)
                {
                    throw new InvalidDataException(
                        $"the content exceeds the limit of {maximumBytes} bytes"
                    );
                }
                output.Advance(count);
            }
        }
        catch (Exception e) when (e is ZstdException or EndOfStreamException)
        {
            throw new InvalidDataException($"damaged zstd frame: {e.Message}", e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(input);
        }
    }
}
