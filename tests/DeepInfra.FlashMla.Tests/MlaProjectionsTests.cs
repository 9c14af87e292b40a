// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla.Tests;

public sealed class MlaProjectionsTests
{
    [Theory]
    [InlineData(SimdTier.Reference)]
    [InlineData(SimdTier.V256)]
    [InlineData(SimdTier.V512)]
    public void AbsorbedDecode_EqualsUnabsorbedAttention(SimdTier tier)
    {
        var cpu = new CpuBackendOptions { MaxIsa = tier };
        var random = new Random(4);
        const int keys = 90;
        const int heads = 3;
        using var latent = Rows(random, keys, 512);
        using var rope = Rows(random, keys, 64);
        using var q = Rows(random, 1, heads, 192);
        using var upKey = Rows(random, heads, 128, 512);
        using var upValue = Rows(random, heads, 512, 128);
        Scale(upKey, 0.05f);
        Scale(upValue, 0.05f);

        // Unabsorbed: keys and values per head, then ordinary attention.
        using var k = Tensor<float>.Create([keys, heads, 192]);
        using var v = Tensor<float>.Create([keys, heads, 128]);
        for (var h = 0; h < heads; h++)
        for (var n = 0; n < 128; n++)
        {
            var keyWeights = upKey.AsSelected(0, h).AsSelected(0, n).ToArray();
            var valueWeights = upValue.AsSelected(0, h).AsSelected(1, n).ToArray();
            for (var j = 0; j < keys; j++)
            {
                var c = latent.AsView().Row(j);
                k[j, h, n] = Dot(keyWeights, c);
                v[j, h, n] = Dot(valueWeights, c);
            }
        }
        for (var j = 0; j < keys; j++)
        for (var h = 0; h < heads; h++)
            rope.AsView().Row(j).CopyTo(k.AsView().Row(j, h)[128..]);
        using var cuQ = Tensor<int>.FromSpan([0, 1], [2]);
        using var cuK = Tensor<int>.FromSpan([0, keys], [2]);
        var scale = (float)(1 / Math.Sqrt(192));
        var expected = MlaAttention.PrefillDense(
            q,
            k,
            v,
            cuQ,
            cuK,
            1,
            keys,
            false,
            scale,
            cpu: cpu
        );

        using var cache = new PagedMlaKvCache(new() { BlockCount = 2 });
        var sequence = cache.CreateSequence();
        cache.Extend(sequence, keys);
        using var builder = new BlockTableBuilder(1, 2, keys);
        builder.Build([sequence], keys);
        cache.Append(0, builder.NewSlots, latent, rope);
        using var plan = MlaDecodePlan.Create(
            Device.Cpu,
            new()
            {
                Shape = MlaShape.DeepSeekV3(heads),
                MaxBatch = 1,
                SoftmaxScale = scale,
                Cpu = cpu,
            }
        );
        plan.Update(builder.CacheSeqlens);
        var absorbed = MlaProjections.AbsorbQuery(q, upKey, cpu: cpu);
        var state = MlaAttention.Decode(
            plan,
            absorbed.AsReshaped([1, 1, heads, 576]),
            cache.Layer(0),
            builder.BlockTable,
            builder.CacheSeqlens
        );
        var actual = MlaProjections.ExpandOutput(
            state.Out.AsReshaped([1, heads, 512]),
            upValue,
            cpu: cpu
        );

        // The cache holds BFloat16, the unabsorbed side float32.
        for (var h = 0; h < heads; h++)
        for (var c = 0; c < 128; c++)
            actual
                .As<float>()[0, h, c]
                .Should()
                .BeApproximately(expected.Out.As<float>()[0, h, c], 4e-3f);
    }

    [Fact]
    public void ExpandOutput_ManyTokensAndOddSizes_MatchesTheSum()
    {
        var random = new Random(5);
        using var rows = Rows(random, 70, 2, 13);
        using var weights = Rows(random, 2, 13, 150);

        var actual = MlaProjections.ExpandOutput(rows, weights).As<float>();

        for (var t = 0; t < 70; t += 23)
        for (var h = 0; h < 2; h++)
        for (var c = 0; c < 150; c++)
        {
            double sum = 0;
            for (var r = 0; r < 13; r++)
                sum += (double)rows[t, h, r] * weights[h, r, c];
            ((double)actual[t, h, c]).Should().BeApproximately(sum, 1e-5);
        }
    }

    [Fact]
    public void AbsorbQuery_WrongShapes_Throw()
    {
        using var q = Tensor<float>.Create([2, 3, 100]);
        using var heads = Tensor<float>.Create([2, 64, 512]);
        using var tall = Tensor<float>.Create([3, 128, 512]);

        FluentActions
            .Invoking(() => MlaProjections.AbsorbQuery(q, heads))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*upKey: expected shape [3,64,512]*");
        FluentActions
            .Invoking(() => MlaProjections.AbsorbQuery(q, tall))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*at least 128 columns*");
        FluentActions
            .Invoking(() => MlaProjections.ExpandOutput(q, tall))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*expected 128 columns*");
    }

    private static Tensor<float> Rows(Random random, params long[] shape)
    {
        var rows = Tensor<float>.Create(new Shape(shape));
        foreach (ref var x in rows.AsSpan())
            x = random.NextSingle() * 2 - 1;
        return rows;
    }

    private static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        for (var i = 0; i < a.Length; i++)
            sum += (double)a[i] * b[i];
        return (float)sum;
    }

    private static void Scale(Tensor<float> tensor, float factor)
    {
        foreach (ref var x in tensor.AsSpan())
            x *= factor;
    }
}
