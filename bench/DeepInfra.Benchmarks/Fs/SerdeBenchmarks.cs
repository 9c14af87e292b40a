// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Benchmarks.Fs;

/// <summary>Encoding and decoding of a batch read of 128 ranges, the most frequent large message.</summary>
[MemoryDiagnoser]
public class SerdeBenchmarks
{
    private readonly byte[] _buffer = new byte[64 << 10];
    private readonly SerdeTableLengths _tables = new();
    private BatchReadReq _request = new();
    private byte[] _encoded = [];

    /// <summary>Builds the message.</summary>
    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        for (var i = 0; i < 128; i++)
        {
            _request.Payloads.Add(
                new ReadIO
                {
                    Offset = (uint)random.Next(1 << 19),
                    Length = 4096,
                    Key = new GlobalKey
                    {
                        VChainId = new VersionedChainId { ChainId = 900001, ChainVer = 3 },
                        ChunkId = new ChunkId(0x1001, 0, (uint)random.Next()),
                    },
                    Rdmabuf = new RdmaRemoteBuf { Size = 4096 },
                }
            );
        }

        _request.Tag.ClientId = new ClientId { Uuid = Guid.NewGuid(), Hostname = "client" };
        _encoded = Serde.ToArray(_request);
    }

    /// <summary>Sizes and writes the request.</summary>
    [Benchmark]
    public int Encode()
    {
        var sizer = new SerdeSizer(_tables);
        StructOf<BatchReadReq>.Visit(ref sizer, ref _request);
        var writer = new SerdeWriter(_buffer, _tables);
        StructOf<BatchReadReq>.Visit(ref writer, ref _request);
        return writer.Position;
    }

    /// <summary>Reads the request.</summary>
    [Benchmark]
    public int Decode() => Serde.Read<BatchReadReq>(_encoded).Payloads.Count;
}
