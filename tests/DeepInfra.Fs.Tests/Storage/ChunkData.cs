// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Storage;
using DeepInfra.Fs.Tests.Fakes;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Storage;

/// <summary>Ranges of the chunks of one file on one chain, and their content.</summary>
internal static class ChunkData
{
    public const uint Chain = 900001;

    public static byte[] Pattern(int length, int seed)
    {
        var data = new byte[length];
        new Random(seed).NextBytes(data);
        return data;
    }

    public static void Put(FakeCluster cluster, uint index, byte[] data)
    {
        lock (cluster.Chunks)
        {
            cluster.Chunks[(Chain, new ChunkId(7, 0, index))] = data;
        }
    }

    public static void Damage(BatchReadRsp answer, ref int damaged)
    {
        var bytes = answer.Inlinebuf.Data.ToArray();
        bytes[bytes.Length / 2] ^= 1;
        answer.Inlinebuf.Data = new InlineData(bytes);
        Interlocked.Increment(ref damaged);
    }

    public static ChunkRead[] Reads(int count, int length, uint? chunk = null) =>
        [
            .. Enumerable
                .Range(0, count)
                .Select(i => new ChunkRead
                {
                    ChainId = Chain,
                    Chunk = new ChunkId(7, 0, chunk ?? (uint)i),
                    Buffer = new byte[length],
                }),
        ];

    public static ChunkWrite[] Writes(byte[] data, uint chunk = 0) =>
        [
            new ChunkWrite
            {
                ChainId = Chain,
                Chunk = new ChunkId(7, 0, chunk),
                ChunkSize = 64 << 10,
                Data = data,
            },
        ];
}
