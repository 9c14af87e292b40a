// SPDX-License-Identifier: MIT
using System.Buffers;

namespace DeepInfra.Fs.Net;

/// <summary>
/// Compresses and decompresses message bodies as zstd frames. The base class library has no zstd, so the client
/// works without one: it never asks servers for compressed answers and treats a compressed frame as a protocol
/// error unless a compressor is installed. Implementations are thread-safe.
/// </summary>
public interface IFrameCompressor
{
    /// <summary>Compresses one body.</summary>
    /// <param name="body">The plain body.</param>
    /// <param name="output">Receives the zstd frame.</param>
    void Compress(ReadOnlySpan<byte> body, IBufferWriter<byte> output);

    /// <summary>Decompresses one body.</summary>
    /// <param name="body">The zstd frame.</param>
    /// <param name="output">Receives the plain body.</param>
    /// <param name="maximumBytes">Largest plain body to accept, in bytes.</param>
    /// <exception cref="InvalidDataException">The frame is damaged or its content exceeds the limit.</exception>
    void Decompress(ReadOnlySpan<byte> body, IBufferWriter<byte> output, int maximumBytes);
}
