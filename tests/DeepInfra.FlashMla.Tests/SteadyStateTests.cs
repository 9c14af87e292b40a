// SPDX-License-Identifier: MIT
using System.Diagnostics.Metrics;
using DeepInfra.Core;
using DeepInfra.Testing;

namespace DeepInfra.FlashMla.Tests;

/// <summary>What a decode loop relies on: no allocation per step, safe concurrent use, counters.</summary>
[Collection("steady state")]
public sealed class SteadyStateTests
{
    [Theory]
    [InlineData(KvCacheFormat.BFloat16)]
    [InlineData(KvCacheFormat.Fp8V32)]
    public void DecodeStep_WhenWarm_AllocatesNothing(KvCacheFormat format)
    {
        using var loop = new DecodeLoop(format);

        AllocationMeasure.OfWarm(loop.Step, calls: 20).Should().Be(0);
    }

    [Fact]
    public void Prefill_WithGivenOutputs_AllocatesNothing()
    {
        using var problem = new PrefillLoop();

        AllocationMeasure.OfWarm(problem.Step, calls: 10).Should().Be(0);
    }

    [Fact]
    public void Prefill_FromEightThreads_GivesTheSameBits()
    {
        var results = new float[8][];

        Parallel.For(
            0,
            8,
            new ParallelOptions { MaxDegreeOfParallelism = 8 },
            i =>
            {
                using var problem = new PrefillLoop();
                for (var n = 0; n < 5; n++)
                    problem.Step();
                results[i] = [.. problem.Output.ToArray(), .. problem.GradKey.ToArray()];
            }
        );

        foreach (var result in results)
            result.Should().Equal(results[0]);
    }

    [Fact]
    public void Decode_FromTwoThreadsWithTheirOwnPlans_GivesTheSameBits()
    {
        using var expected = new DecodeLoop(KvCacheFormat.BFloat16);
        for (var n = 0; n < 30; n++)
            expected.Step();

        Parallel.For(
            0,
            4,
            new ParallelOptions { MaxDegreeOfParallelism = 4 },
            _ =>
            {
                using var loop = new DecodeLoop(KvCacheFormat.BFloat16);
                for (var n = 0; n < 30; n++)
                    loop.Step();
                loop.Output.ToArray().Should().Equal(expected.Output.ToArray());
            }
        );
    }

    [Fact]
    public void Calls_AreCountedByOperation()
    {
        var counts = new Dictionary<(string, string), long>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == "DeepInfra.FlashMla")
                l.EnableMeasurementEvents(instrument);
        };
        var thread = Environment.CurrentManagedThreadId;
        listener.SetMeasurementEventCallback<long>(
            (instrument, value, tags, _) =>
            {
                // Other tests run at the same time on other threads.
                if (Environment.CurrentManagedThreadId != thread)
                    return;
                var key = (instrument.Name, (string)tags[0].Value!);
                counts[key] = counts.GetValueOrDefault(key) + value;
            }
        );
        listener.Start();
        using var decode = new DecodeLoop(KvCacheFormat.BFloat16);
        using var prefill = new PrefillLoop();

        decode.Step();
        prefill.Step();

        counts[("deepinfra.flashmla.calls", "decode")].Should().Be(1);
        counts[("deepinfra.flashmla.calls", "append")].Should().Be(1);
        counts[("deepinfra.flashmla.calls", "prefill_forward")].Should().Be(1);
        counts[("deepinfra.flashmla.calls", "prefill_backward")].Should().Be(1);
        counts[("deepinfra.flashmla.kv_tokens", "append")].Should().Be(2);
        counts[("deepinfra.flashmla.kv_tokens", "decode")].Should().Be(2);
    }

    [Fact]
    public void Tensors_OfCachesAndPlans_AreAllFreed()
    {
        for (var i = 0; i < 1000; i++)
        {
            using var cache = new PagedMlaKvCache(
                new()
                {
                    BlockCount = 2,
                    PageSize = 4,
                    LayerCount = 2,
                }
            );
            using var plan = MlaDecodePlan.Create(Device.Cpu, new() { MaxBatch = 1 });
            var blocks = cache.Layer(0);
            cache.Dispose();
            blocks.Data.IsDisposed.Should().BeTrue();
        }
    }

    private sealed class DecodeLoop : IDisposable
    {
        private readonly PagedMlaKvCache _cache;
        private readonly MlaDecodePlan _plan;
        private readonly BlockTableBuilder _builder = new(2, 8);
        private readonly MlaSequence[] _sequences;
        private readonly Tensor<float> _rows = Tensor<float>.Create([2, 576]);
        private readonly Tensor<float> _q = Tensor<float>.Create([2, 1, 4, 576]);
        private readonly Tensor<float> _lse = Tensor<float>.Create([2, 4, 1]);

        public DecodeLoop(KvCacheFormat format)
        {
            _cache = new(
                new()
                {
                    BlockCount = 16,
                    PageSize = 16,
                    Format = format,
                }
            );
            _plan = MlaDecodePlan.Create(
                Device.Cpu,
                new()
                {
                    Shape = MlaShape.DeepSeekV3(4),
                    MaxBatch = 2,
                    PageSize = 16,
                    Format = format,
                }
            );
            _sequences = [_cache.CreateSequence(), _cache.CreateSequence()];
            var random = new Random(1);
            foreach (ref var x in _rows.AsSpan())
                x = random.NextSingle() - 0.5f;
            foreach (ref var x in _q.AsSpan())
                x = random.NextSingle() - 0.5f;
        }

        public Tensor<float> Output { get; } = Tensor<float>.Create([2, 1, 4, 512]);

        public void Step()
        {
            foreach (var sequence in _sequences)
            {
                if (sequence.Length == 100)
                    _cache.Truncate(sequence, 50);
                _cache.Extend(sequence, 1);
            }
            _builder.Build(_sequences, newTokens: 1);
            _cache.Append(0, _builder.NewSlots, _rows);
            _plan.Update(_builder.CacheSeqlens);
            MlaAttention.Decode(
                _plan,
                _q,
                _cache.Layer(0),
                _builder.BlockTable,
                _builder.CacheSeqlens,
                Output,
                _lse
            );
        }

        public void Dispose()
        {
            _cache.Dispose();
            _plan.Dispose();
            _builder.Dispose();
            _rows.Dispose();
            _q.Dispose();
            _lse.Dispose();
            Output.Dispose();
        }
    }

    private sealed class PrefillLoop : IDisposable
    {
        private readonly Tensor<float> _q = Rows(1, 100, 2, 48);
        private readonly Tensor<float> _k = Rows(2, 100, 2, 48);
        private readonly Tensor<float> _v = Rows(3, 100, 2, 32);
        private readonly Tensor<float> _grad = Rows(4, 100, 2, 32);
        private readonly Tensor<float> _lse = Tensor<float>.Create([100, 2]);
        private readonly Tensor<float> _gradQ = Tensor<float>.Create([100, 2, 48]);
        private readonly Tensor<float> _gradV = Tensor<float>.Create([100, 2, 32]);
        private readonly Tensor<int> _cu = Tensor<int>.FromSpan([0, 70, 100], [3]);

        public Tensor<float> Output { get; } = Tensor<float>.Create([100, 2, 32]);

        public Tensor<float> GradKey { get; } = Tensor<float>.Create([100, 2, 48]);

        public void Step()
        {
            MlaAttention.PrefillDense(
                _q,
                _k,
                _v,
                _cu,
                _cu,
                70,
                70,
                true,
                output: Output,
                logSumExp: _lse
            );
            MlaAttention.PrefillDenseBackward(
                _grad,
                _q,
                _k,
                _v,
                Output,
                _lse,
                _cu,
                _cu,
                70,
                70,
                true,
                gradQuery: _gradQ,
                gradKey: GradKey,
                gradValue: _gradV
            );
        }

        public void Dispose()
        {
            foreach (
                var tensor in new Tensor[]
                {
                    _q,
                    _k,
                    _v,
                    _grad,
                    _lse,
                    _gradQ,
                    _gradV,
                    _cu,
                    Output,
                    GradKey,
                }
            )
                tensor.Dispose();
        }

        private static Tensor<float> Rows(int seed, params long[] shape)
        {
            var random = new Random(seed);
            var rows = Tensor<float>.Create(new Shape(shape));
            foreach (ref var x in rows.AsSpan())
                x = random.NextSingle() - 0.5f;
            return rows;
        }
    }
}
