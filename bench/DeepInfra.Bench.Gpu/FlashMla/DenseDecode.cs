// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.FlashMla;
using DeepInfra.Gemm;

namespace DeepInfra.Bench.Gpu.FlashMla;

/// <summary>
/// Dense decode of one token per request from a paged cache in random order. Bytes are those of the cache rows, queries, output and
/// log-sum-exp; operations 2·(576 + 512) per head and cached token.
/// </summary>
internal sealed class DenseDecode(Measurements measurements)
{
    private const int Page = 64;
    private const int HeadDim = 576;
    private const int ValueDim = 512;
    private const int CheckedRequests = 2;
    private const double Tolerance = 1e-5;

    private static readonly (int Batch, int Heads, int Length)[] s_shapes =
    [
        (1, 16, 8192),
        (1, 128, 8192),
        (128, 16, 4096),
        (128, 128, 4096),
        (128, 128, 8192),
    ];

    private static readonly KvCacheFormat[] s_formats =
    [
        KvCacheFormat.BFloat16,
        KvCacheFormat.Fp8V32,
    ];

    private readonly CudaStream _stream = measurements.Stream;

    public void Run()
    {
        (int Batch, int Heads, int Length)[] shapes = measurements.IsSmoke
            ? [(2, 16, 200)]
            : s_shapes;
        foreach (var format in s_formats)
        foreach (var (batch, heads, length) in shapes)
            Run(format, batch, heads, length);
    }

    private void Run(KvCacheFormat format, int batch, int heads, int length)
    {
        var columns = (length + Page - 1) / Page;
        var blocks = batch * columns;
        // Pages with the same content lie in different memory: the cache on the host need not be as large.
        var contents = Math.Min(blocks, 512);
        using var rows = RandomTensors.Normal(contents * Page, HeadDim, 3);
        using var rowsByPage = rows.AsReshaped([contents, Page, 1, HeadDim]);
        var host = KvBlocks.Allocate(format, contents, Page);
        MlaKvQuantizer.Quantize(rowsByPage, host);
        var cache = Repeat(host, blocks);
        var order = Enumerable.Range(0, blocks).ToArray();
        new Random(4).Shuffle(order);
        int[] lengths = [.. Enumerable.Repeat(length, batch)];
        using var hostTable = Tensor<int>.FromSpan(order, [batch, columns]);
        using var hostLengths = Tensor<int>.FromSpan(lengths, [batch]);
        using var hostQuery = RandomTensors.Normal(batch * heads, HeadDim, 5);
        using var query4 = hostQuery.AsReshaped([batch, 1, heads, HeadDim]);
        using var table = hostTable.ToDevice(_stream.Device, _stream);
        using var seqlens = hostLengths.ToDevice(_stream.Device, _stream);
        using var query = ((Tensor)query4).ToDevice(_stream.Device, _stream);
        using var output = Tensor<BFloat16>.Create([batch, 1, heads, ValueDim], _stream);
        using var logSumExp = Tensor<float>.Create([batch, heads, 1], _stream);
        var options = new MlaDecodeOptions
        {
            Shape = MlaShape.DeepSeekV3(heads),
            MaxBatch = batch,
            PageSize = Page,
            Format = format,
        };
        using var plan = MlaDecodePlan.Create(_stream.Device, options);
        plan.Update(lengths, _stream);

        var time = measurements.Timer.Measure(() =>
            MlaAttention.Decode(plan, query, cache, table, seqlens, output, logSumExp, _stream)
        );

        Check(options, host, order, lengths, query4, output);
        var rowBytes =
            cache.Data.ElementCount * DTypes.SizeInBytes(cache.Data.DType) / (blocks * Page);
        long tokens = (long)batch * length;
        measurements.Add(
            "flashmla",
            $"decode {format}",
            $"b {batch}, h {heads}, s {length}",
            time,
            tokens * rowBytes + (long)batch * heads * (2 * (HeadDim + ValueDim) + sizeof(float)),
            2L * (HeadDim + ValueDim) * heads * tokens
        );
        cache.Data.Dispose();
        host.Data.Dispose();
    }

    private KvBlocks Repeat(KvBlocks host, int blocks)
    {
        var contents = host.Data.Shape[0];
        var cache = Tensor.Create(
            host.Data.DType,
            host.Data.Shape.With(0, blocks),
            _stream,
            zeroed: false
        );
        using var once = host.Data.ToDevice(_stream.Device, _stream);
        for (long first = 0; first < blocks; first += contents)
        {
            var count = Math.Min(contents, blocks - first);
            once.AsSlice(0, 0, count).CopyTo(cache.AsSlice(0, first, count), _stream);
        }
        _stream.Synchronize();
        return new KvBlocks(cache, host.Format);
    }

    // The first requests again on the CPU, whose pages are those that were repeated.
    private void Check(
        MlaDecodeOptions options,
        KvBlocks host,
        int[] order,
        int[] lengths,
        Tensor query,
        Tensor<BFloat16> output
    )
    {
        var batch = Math.Min(CheckedRequests, lengths.Length);
        var columns = order.Length / lengths.Length;
        var contents = (int)host.Data.Shape[0];
        int[] pages = [.. order[..(batch * columns)].Select(p => p % contents)];
        using var table = Tensor<int>.FromSpan(pages, [batch, columns]);
        using var seqlens = Tensor<int>.FromSpan(lengths.AsSpan(0, batch), [batch]);
        using var plan = MlaDecodePlan.Create(Device.Cpu, options);
        plan.Update(seqlens);
        var expected = MlaAttention.Decode(plan, query.AsSlice(0, 0, batch), host, table, seqlens);
        using var actual =
            (Tensor<BFloat16>)((Tensor)output).AsSlice(0, 0, batch).ToDevice(Device.Cpu, _stream);
        _stream.Synchronize();
        var difference = GemmDiagnostics.CalcDiff(
            [.. actual.ToArray().Select(v => (double)(float)v)],
            [.. expected.Out.As<BFloat16>().ToArray().Select(v => (double)(float)v)]
        );
        expected.Out.Dispose();
        expected.LogSumExp.Dispose();
        if (!(difference < Tolerance))
            throw new InvalidOperationException(
                $"decode is wrong: the difference to the CPU is {difference:g3} for {options.Format} with lengths of {lengths[0]}"
            );
    }
}
