// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Benchmarks.Fs;

/// <summary>CRC-32C: three interleaved streams against one, and the combination of known checksums.</summary>
public class Crc32CBenchmarks
{
    private byte[] _data = [];

    /// <summary>Bytes per call.</summary>
    [Params(4096, 1 << 20)]
    public int Bytes { get; set; }

    /// <summary>Fills the input.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _data = new byte[Bytes];
        new Random(1).NextBytes(_data);
    }

    /// <summary>One stream.</summary>
    [Benchmark(Baseline = true)]
    public uint OneStream() => Crc32C.AppendReference(0, _data);

    /// <summary>Three streams and the merge.</summary>
    [Benchmark]
    public uint ThreeStreams() => Crc32C.Append(0, _data);

    /// <summary>Combination without reading the data.</summary>
    [Benchmark]
    public uint Combine() => Crc32C.AppendKnown(1, 2, (ulong)Bytes);
}
