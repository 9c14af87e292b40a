// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Testing;

namespace DeepInfra.FlashMla.Tests.Cuda;

/// <summary>A paged cache in device memory against one in host memory.</summary>
public sealed class CudaCacheTests : IDisposable
{
    private readonly CudaStream? _stream;

    public CudaCacheTests()
    {
        NativeLibraries.Require("deepinfra_flashmla");
        if (CudaDevice.IsAvailable)
            _stream = new CudaStream(Device.Cuda(0));
    }

    private CudaStream Stream => _stream!;

    public void Dispose() => _stream?.Dispose();

    [CudaFact]
    public void Append_BFloat16Cache_GivesTheBytesOfTheHost()
    {
        CheckAppend(KvCacheFormat.BFloat16, KvScaleFormat.PowerOfTwo, DType.BFloat16, page: 5);
        CheckAppend(KvCacheFormat.BFloat16, KvScaleFormat.PowerOfTwo, DType.Float32, page: 64);
    }

    [CudaFact]
    public void Append_SeveralKeyHeads_GivesTheBytesOfTheHost() =>
        CheckAppend(
            KvCacheFormat.BFloat16,
            KvScaleFormat.PowerOfTwo,
            DType.BFloat16,
            page: 3,
            kvHeads: 3
        );

    [CudaFact]
    public void Append_V32Cache_GivesTheBytesOfTheHost()
    {
        foreach (var scales in Enum.GetValues<KvScaleFormat>())
        {
            CheckAppend(KvCacheFormat.Fp8V32, scales, DType.BFloat16, page: 64);
            CheckAppend(KvCacheFormat.Fp8V32, scales, DType.Float32, page: 7);
        }
    }

    [CudaFact]
    public void Append_Model1Cache_GivesTheBytesOfTheHost()
    {
        CheckAppend(KvCacheFormat.Fp8Model1, KvScaleFormat.PowerOfTwo, DType.BFloat16, page: 64);
        CheckAppend(KvCacheFormat.Fp8Model1, KvScaleFormat.PowerOfTwo, DType.Float32, page: 7);
    }

    [CudaFact]
    public void Append_TwoParts_GivesTheBytesOfTheHost()
    {
        var options = Options(KvCacheFormat.Fp8V32, page: 4);
        using var host = Zeroed(options);
        using var cache = new PagedMlaKvCache(options, Stream);
        using var rows = Rows(DType.BFloat16, 6, 1, 576);
        using var slots = Tensor<int>.FromSpan([0, 3, 2, 9, 11, 4], [6]);
        using var latent = rows.AsSlice(1, 0, 512);
        using var rope = rows.AsSlice(1, 512, 64);
        host.Append(0, slots, latent, rope);

        using (new TensorScope())
            cache.Append(0, ToDevice(slots), ToDevice(latent), ToDevice(rope), Stream);

        Bytes(cache).Should().Equal(Bytes(host));
    }

    [CudaFact]
    public void Append_InfiniteValues_Saturate()
    {
        using var cache = new PagedMlaKvCache(Options(KvCacheFormat.Fp8V32, page: 1), Stream);
        using var rows = Tensor<float>.Create([1, 576]);
        rows[0, 3] = float.NegativeInfinity;
        rows[0, 4] = 1;

        using (new TensorScope())
            cache.Append(0, ToDevice(Tensor<int>.Create([1])), ToDevice(rows), Stream);

        var bytes = Bytes(cache);
        bytes[3].Should().Be(0xFE);
        bytes[4].Should().Be(0);
    }

    [CudaFact]
    public void Append_SlotsOutsideTheCache_AreSkipped()
    {
        using var cache = new PagedMlaKvCache(Options(KvCacheFormat.BFloat16, page: 4), Stream);
        using var rows = Rows(DType.BFloat16, 4, 1, 576);
        using var slots = Tensor<int>.FromSpan([-1, int.MinValue, 4 * 3, int.MaxValue], [4]);

        using (new TensorScope())
            cache.Append(0, ToDevice(slots), ToDevice(rows), Stream);

        Bytes(cache).Should().OnlyContain(b => b == 0);
    }

    [CudaFact]
    public void Decode_OverForkedSequences_EqualsTheHost()
    {
        var options = Options(KvCacheFormat.Fp8V32, page: 16, blocks: 8);
        using var host = new PagedMlaKvCache(options);
        using var cache = new PagedMlaKvCache(options, Stream);
        using var rows = Rows(DType.BFloat16, 42, 1, 576, special: false);
        using var q = Rows(DType.BFloat16, 6, 1, 576, special: false);
        using var queries = q.AsReshaped([2, 1, 3, 576]);
        using var hostTable = Sequences(host, rows, null);
        using var table = Sequences(cache, rows, Stream);
        var expected = Decode(host, queries, hostTable);

        using var scope = new TensorScope();
        using var plan = MlaDecodePlan.Create(Device.Cuda(0), PlanOptions);
        plan.Update(table.CacheSeqlens, Stream);
        var state = MlaAttention.Decode(
            plan,
            ToDevice(queries),
            cache.Layer(0),
            (Tensor<int>)ToDevice(table.BlockTable),
            (Tensor<int>)ToDevice(table.CacheSeqlens),
            stream: Stream
        );

        table.BlockTable.ToArray().Should().Equal(hostTable.BlockTable.ToArray());
        TensorAssertions.ShouldBeClose(
            Widen(state.Out.As<BFloat16>().ToArray(Stream)),
            Widen(expected.Out.As<BFloat16>().ToArray()),
            Tolerances.FlashMla.DenseDecode,
            "out"
        );
    }

    [CudaFact]
    public void Append_Warm_AllocatesNothing()
    {
        using var cache = new PagedMlaKvCache(Options(KvCacheFormat.Fp8V32, page: 4), Stream);
        using var scope = new TensorScope();
        using var rows = ToDevice(Rows(DType.BFloat16, 3, 1, 576));
        using var slots = ToDevice(Tensor<int>.FromSpan([0, 1, 2], [3]));

        var bytes = AllocationMeasure.OfWarm(
            () =>
            {
                cache.Append(0, (Tensor<int>)slots, rows, Stream);
                Stream.Synchronize();
            },
            calls: 5
        );

        bytes.Should().Be(0);
    }

    [CudaFact]
    public void Calls_OnACacheOfADevice_NeedAStreamOrSayWhatIsMissing()
    {
        using var cache = new PagedMlaKvCache(Options(KvCacheFormat.Fp8V32, page: 4), Stream);
        using var host = new PagedMlaKvCache(Options(KvCacheFormat.Fp8V32, page: 4));
        using var slots = Tensor<int>.Create([1]);
        using var rows = Rows(DType.BFloat16, 1, 1, 576);
        using var half = Tensor<Half>.Create([1, 576], Stream);
        using var device = (Tensor<int>)slots.ToDevice(Device.Cuda(0), Stream);
        var sequence = cache.CreateSequence();

        cache.Device.Should().Be(Device.Cuda(0));
        NeedsStream(() => cache.Extend(sequence, 1), "Extend(sequence, tokens, stream)");
        NeedsStream(() => cache.TryExtend(sequence, 1), "TryExtend(sequence, tokens, stream)");
        NeedsStream(() => cache.TryReserve(sequence, 1), "TryReserve(sequence, tokens, stream)");
        NeedsStream(() => cache.Append(0, slots, rows), "Append(layer, slots, rows, stream)");
        NeedsStream(
            () => cache.Append(0, slots, rows, rows),
            "Append(layer, slots, latent, rope, stream)"
        );
        NeedsStream(() => cache.CopyBlocks([(0, 1)]), "CopyBlocks(copies, stream)");
        OnlyHost(() => cache.Gather(0, slots, rows));
        OnlyHost(() => cache.Append(0, sequence, 0, rows));
        OnlyHost(() => cache.ExportBlock(0, new byte[cache.ExportBytes]));
        OnlyHost(() => cache.TryImport([], 0));
        cache
            .Invoking(c => c.Append(0, slots, rows, Stream))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("slots: expected a tensor on cuda:0*cpu*");
        cache
            .Invoking(c => c.Append(0, device, half, Stream))
            .Should()
            .Throw<NotSupportedException>()
            .WithMessage("rows: CUDA kernels read BFloat16 or Float32, got Float16");
        host.Invoking(c => c.Extend(c.CreateSequence(), 1, Stream))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("stream: expected none*");
        FluentActions
            .Invoking(() => new PagedMlaKvCache(Options(KvCacheFormat.Float16, page: 4), Stream))
            .Should()
            .Throw<NotSupportedException>();

        static void NeedsStream(Action call, string overload) =>
            call.Should()
                .ThrowExactly<InvalidOperationException>()
                .WithMessage($"*host memory; on cuda:0 call {overload}.");
        static void OnlyHost(Action call) =>
            call.Should().Throw<NotSupportedException>().WithMessage("*host memory only*cuda:0*");
    }

    private static MlaDecodeOptions PlanOptions =>
        new()
        {
            Shape = MlaShape.DeepSeekV3(3),
            MaxBatch = 2,
            PageSize = 16,
            Format = KvCacheFormat.Fp8V32,
        };

    private static PagedMlaKvCacheOptions Options(KvCacheFormat format, int page, int blocks = 3) =>
        new()
        {
            Format = format,
            PageSize = page,
            BlockCount = blocks,
            HeadDim = format == KvCacheFormat.Fp8Model1 ? 512 : 576,
        };

    // A parent of 39 tokens and a fork that goes on, so that their shared last block is copied.
    private static BlockTableBuilder Sequences(
        PagedMlaKvCache cache,
        Tensor rows,
        CudaStream? stream
    )
    {
        var builder = new BlockTableBuilder(2, 4, 39);
        var parent = cache.CreateSequence();
        Grow(parent, 0, 39);
        var child = cache.Fork(parent);
        Grow(child, 39, 3);
        builder.Build([parent, child]);
        return builder;

        void Grow(MlaSequence sequence, int first, int count)
        {
            using var part = rows.AsSlice(0, first, count);
            if (stream is null)
                cache.Extend(sequence, count);
            else
                cache.Extend(sequence, count, stream);
            var slots = new int[count];
            cache.GetSlots(sequence, first, slots);
            using var host = Tensor<int>.FromSpan(slots, [count]);
            if (stream is null)
            {
                cache.Append(0, host, part);
                return;
            }
            using var places = host.ToDevice(stream.Device, stream);
            using var tokens = part.ToDevice(stream.Device, stream);
            cache.Append(0, places, tokens, stream);
        }
    }

    private static AttentionState Decode(PagedMlaKvCache cache, Tensor q, BlockTableBuilder table)
    {
        using var plan = MlaDecodePlan.Create(Device.Cpu, PlanOptions);
        plan.Update(table.CacheSeqlens);
        return MlaAttention.Decode(plan, q, cache.Layer(0), table.BlockTable, table.CacheSeqlens);
    }

    private void CheckAppend(
        KvCacheFormat format,
        KvScaleFormat scales,
        DType type,
        int page,
        int kvHeads = 1
    )
    {
        var options = Options(format, page) with { ScaleFormat = scales, KvHeads = kvHeads };
        using var host = Zeroed(options);
        using var cache = new PagedMlaKvCache(options, Stream);
        using var rows = Rows(type, 5, kvHeads, options.HeadDim);
        using var slots = Tensor<int>.FromSpan([2 * page, 1, -1, 0, 2 * page + page / 2], [5]);
        host.Append(0, slots, rows);

        using (new TensorScope())
            cache.Append(0, (Tensor<int>)ToDevice(slots), ToDevice(rows), Stream);

        Bytes(cache).Should().Equal(Bytes(host), $"{format} {scales} {type} {page}");
    }

    // In host memory blocks are cleared when a sequence takes them, not before.
    private static PagedMlaKvCache Zeroed(PagedMlaKvCacheOptions options)
    {
        var cache = new PagedMlaKvCache(options);
        for (var block = 0; block < cache.BlockCount; block++)
            cache.ImportBlock(block, new byte[cache.ExportBytes]);
        return cache;
    }

    // Values of all magnitudes, with a NaN, zeros and subnormal results.
    private static Tensor Rows(DType type, int tokens, int heads, int columns, bool special = true)
    {
        var random = new DeterministicRandom(7);
        var values = new float[tokens * heads * columns];
        for (var i = 0; i < values.Length; i++)
            values[i] =
                (float)random.NextNormal()
                * (special ? MathF.ScaleB(1, i / 64 % 24 - 16) : 0.1f)
                * (i % 11 == 0 ? 0 : 1);
        if (special && tokens > 1)
            values[columns + 130] = float.NaN;
        Shape shape = heads == 1 ? [tokens, columns] : [tokens, heads, columns];
        return type == DType.Float32
            ? Tensor<float>.FromSpan(values, shape)
            : Tensor<BFloat16>.FromSpan(Array.ConvertAll(values, v => (BFloat16)v), shape);
    }

    private Tensor ToDevice(Tensor tensor) => tensor.ToDevice(Device.Cuda(0), Stream);

    private Tensor<int> ToDevice(Tensor<int> tensor) => tensor.ToDevice(Device.Cuda(0), Stream);

    private static float[] Widen(BFloat16[] values) => Array.ConvertAll(values, v => (float)v);

    // All blocks without what lies between them.
    private unsafe byte[] Bytes(PagedMlaKvCache cache)
    {
        var data = cache.Layer(0).Data;
        var host = cache.Device.IsCpu ? data : data.ToDevice(Device.Cpu, Stream);
        Stream.Synchronize();
        var stride = host.Strides[0] * DTypes.SizeInBytes(host.DType);
        var bytes = new byte[cache.BlockCount * cache.BlockBytes];
        for (var block = 0; block < cache.BlockCount; block++)
            new ReadOnlySpan<byte>(
                (byte*)host.DataPointer + block * stride,
                cache.BlockBytes
            ).CopyTo(bytes.AsSpan(block * cache.BlockBytes));
        return bytes;
    }
}
