// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla.Tests;

public sealed class PrefillArgumentTests : IDisposable
{
    private readonly Tensor<float> _q = Tensor<float>.Create([5, 4, 24]);
    private readonly Tensor<float> _k = Tensor<float>.Create([6, 2, 24]);
    private readonly Tensor<float> _v = Tensor<float>.Create([6, 2, 16]);
    private readonly Tensor<int> _cuQ = Tensor<int>.FromSpan([0, 2, 5], [3]);
    private readonly Tensor<int> _cuK = Tensor<int>.FromSpan([0, 4, 6], [3]);

    public void Dispose()
    {
        _q.Dispose();
        _k.Dispose();
        _v.Dispose();
        _cuQ.Dispose();
        _cuK.Dispose();
    }

    [Fact]
    public void PrefillDense_WrongTensors_Throw()
    {
        using var rank2 = Tensor<float>.Create([5, 24]);
        using var heads = Tensor<float>.Create([6, 3, 24]);
        using var dim = Tensor<float>.Create([6, 2, 23]);
        using var tokens = Tensor<float>.Create([7, 2, 16]);
        using var ints = Tensor<int>.Create([5, 4, 24]);
        using var strided = Tensor<float>.Create([5, 24, 4]);

        Bad("q", "*[Tq, h, D]*[5,24]*", q: rank2);
        Bad("q", "*Int32*", q: ints);
        Bad("q", "*contiguous last axis*", q: strided.AsTransposed());
        Bad("k", "*divides q's 4, got 3*", k: heads);
        Bad("k", "*[6,2,24]*[6,2,23]*", k: dim);
        Bad("v", "*[6,2,16]*[7,2,16]*", v: tokens);
    }

    [Fact]
    public void PrefillDense_WrongOffsets_Throw()
    {
        using var notZero = Tensor<int>.FromSpan([1, 2, 5], [3]);
        using var decreasing = Tensor<int>.FromSpan([0, 3, 2], [3]);
        using var tooFar = Tensor<int>.FromSpan([0, 2, 6], [3]);
        using var shorter = Tensor<int>.FromSpan([0, 5], [2]);
        using var empty = Tensor<int>.Create([0]);

        Bad("cuSeqlensQ", "*cuSeqlensQ[0]: expected 0, got 1*", cuQ: notZero);
        Bad("cuSeqlensQ", "*cuSeqlensQ[2]*[3,5], got 2*", cuQ: decreasing);
        Bad("cuSeqlensQ", "*cuSeqlensQ[2]*[2,5], got 6*", cuQ: tooFar);
        Bad("cuSeqlensK", "*[2]*[3]*", cuQ: shorter);
        Bad("cuSeqlensQ", "*at least one offset*", cuQ: empty, cuK: empty);
        Bad("maxQ", "*at least 3*request 1, got 2*", maxQ: 2);
        Bad("maxK", "*at least 4*request 0, got 3*", maxK: 3);
        Bad("softmaxScale", "*finite*NaN*", scale: float.NaN);
    }

    [Fact]
    public unsafe void PrefillDense_SharedMemory_Throws()
    {
        using var inKeys = Tensor<float>.Create([5, 4, 16]);
        using var keys = Tensor<float>.Wrap(inKeys.DataPointer, _k.Shape);
        using var lse = Tensor<float>.Wrap(_q.DataPointer, [5, 4]);
        using var gradOut = Tensor<float>.Create([5, 4, 16]);
        var state = MlaAttention.PrefillDense(_q, _k, _v, _cuQ, _cuK, 3, 4, true);

        Shared("output", "k", () => Forward(keys, inKeys, null));
        Shared("logSumExp", "q", () => Forward(_k, null, lse));
        Shared("gradQuery", "q", () => Backward(_q, null, null));
        Shared("gradKey", "k", () => Backward(null, _k, null));
        Shared("gradValue", "v", () => Backward(null, null, _v));

        // Slices of one packed tensor interleave without sharing a byte.
        using var packed = Tensor<float>.Create([6, 2, 24 + 16]);
        Backward(null, packed.AsSlice(2, 0, 24), packed.AsSlice(2, 24, 16));
        Shared(
            "gradValue",
            "gradKey",
            () => Backward(null, packed.AsSlice(2, 0, 24), packed.AsSlice(2, 20, 16))
        );

        void Forward(Tensor k, Tensor? output, Tensor<float>? logSumExp) =>
            MlaAttention.PrefillDense(
                _q,
                k,
                _v,
                _cuQ,
                _cuK,
                3,
                4,
                true,
                output: output,
                logSumExp: logSumExp
            );

        void Backward(Tensor? gradQuery, Tensor? gradKey, Tensor? gradValue) =>
            MlaAttention.PrefillDenseBackward(
                gradOut,
                _q,
                _k,
                _v,
                state.Out,
                state.LogSumExp,
                _cuQ,
                _cuK,
                3,
                4,
                true,
                gradQuery: gradQuery,
                gradKey: gradKey,
                gradValue: gradValue
            );

        static void Shared(string name, string other, Action action) =>
            action
                .Should()
                .Throw<ArgumentException>()
                .WithMessage($"{name}: expected memory of its own, got memory shared with {other}*")
                .WithParameterName(name);
    }

    [Fact]
    public void PrefillDense_RowsTooLong_Throw()
    {
        using var q = Tensor<float>.Create([0, 1, 65_537]);
        using var v = Tensor<float>.Create([0, 1, 4]);
        using var cu = Tensor<int>.Create([1]);

        FluentActions
            .Invoking(() => MlaAttention.PrefillDense(q, q, v, cu, cu, 0, 0, true))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("q: expected 1 to 65536 elements per head, got [0,1,65537]*");
    }

    [Fact]
    public unsafe void PrefillDense_CudaTensor_ThrowsWithReason()
    {
        using var q = Tensor<float>.Wrap((float*)256, [5, 4, 24], device: Device.Cuda(1));

        FluentActions
            .Invoking(() => MlaAttention.PrefillDense(q, _k, _v, _cuQ, _cuK, 3, 4, true))
            .Should()
            .Throw<NotSupportedException>()
            .WithMessage("*CPU only*cuda:1*");
    }

    [Fact]
    public void PrefillDenseBackward_WrongTensors_Throw()
    {
        var state = MlaAttention.PrefillDense(_q, _k, _v, _cuQ, _cuK, 3, 4, true);
        using var small = Tensor<float>.Create([5, 4, 15]);
        using var grad = Tensor<float>.Create([5, 4, 16]);

        FluentActions
            .Invoking(() => Backward(small))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*gradOut*[5,4,16]*[5,4,15]*");
        FluentActions
            .Invoking(() => Backward(grad, gradKey: small))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*gradKey*[6,2,24]*[5,4,15]*");
        Backward(grad).Value.Shape[2].Should().Be(16);

        PrefillGradients Backward(Tensor gradOut, Tensor? gradKey = null) =>
            MlaAttention.PrefillDenseBackward(
                gradOut,
                _q,
                _k,
                _v,
                state.Out,
                state.LogSumExp,
                _cuQ,
                _cuK,
                3,
                4,
                true,
                gradKey: gradKey
            );
    }

    [Fact]
    public void PrefillDense_QueriesWithoutKeys_AreLonely()
    {
        using var cuQ = Tensor<int>.FromSpan([0, 5], [2]);
        using var cuK = Tensor<int>.FromSpan([0, 2], [2]);

        var state = MlaAttention.PrefillDense(_q, _k, _v, cuQ, cuK, 5, 2, causal: true);

        // Bottom-right aligned: the first three of five queries see none of two keys.
        for (var i = 0; i < 3; i++)
            state.LogSumExp[i, 0].Should().Be(float.PositiveInfinity);
        float.IsFinite(state.LogSumExp[3, 0]).Should().BeTrue();
    }

    [Fact]
    public void PrefillDensePacked_Views_GiveTheSameAsSeparateTensors()
    {
        var random = new Random(8);
        using var qkv = Tensor<float>.Create([7, 2, 24 + 24 + 16]);
        foreach (ref var x in qkv.AsSpan())
            x = random.NextSingle() - 0.5f;
        using var cu = Tensor<int>.FromSpan([0, 7], [2]);
        var (q, k, v) = (qkv.AsSlice(2, 0, 24), qkv.AsSlice(2, 24, 24), qkv.AsSlice(2, 48, 16));
        var expected = MlaAttention.PrefillDense(q, k, v, cu, cu, 7, 7, causal: true);

        var one = MlaAttention.PrefillDensePackedQkv(qkv, 24, cu, 7, causal: true);
        var two = MlaAttention.PrefillDensePackedKv(
            q,
            qkv.AsSlice(2, 24, 40),
            cu,
            cu,
            7,
            7,
            causal: true
        );

        one.Out.As<float>().ToArray().Should().Equal(expected.Out.As<float>().ToArray());
        two.Out.As<float>().ToArray().Should().Equal(expected.Out.As<float>().ToArray());
        FluentActions
            .Invoking(() => MlaAttention.PrefillDensePackedQkv(qkv, 32, cu, 7, causal: true))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*qkv: expected more than 64 columns*");
    }

    private void Bad(
        string name,
        string message,
        Tensor? q = null,
        Tensor? k = null,
        Tensor? v = null,
        Tensor<int>? cuQ = null,
        Tensor<int>? cuK = null,
        int maxQ = 3,
        int maxK = 4,
        float? scale = null
    ) =>
        FluentActions
            .Invoking(() =>
                MlaAttention.PrefillDense(
                    q ?? _q,
                    k ?? _k,
                    v ?? _v,
                    cuQ ?? _cuQ,
                    cuK ?? _cuK,
                    maxQ,
                    maxK,
                    true,
                    scale
                )
            )
            .Should()
            .Throw<ArgumentException>()
            .WithMessage(message)
            .WithParameterName(name);
}
