// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Numerics;
using DeepInfra.Ep;
using DeepInfra.Gemm;
using EndToEnd.Model;
using VectorMath = EndToEnd.Model.VectorMath;

namespace EndToEnd.Inference;

/// <summary>
/// The experts of a decode step over the low-latency exchange: rows leave as FP8, the shared expert computes while
/// they travel, the hook receives them, local experts run as masked grouped products, and the results come
/// back weighted.
/// </summary>
internal class DecodeExperts(ModelConfig config, LowLatencyBuffer buffer, int rank)
{
    public Tensor<float> Run(
        Arena arena,
        int layer,
        MoeBlock moe,
        Tensor<float> hidden,
        DecodeProbe? probe = null
    )
    {
        var tokens = hidden.Shape[0];
        var normed = arena.Rent(tokens, config.Width);
        moe.Normalise(hidden, normed);
        using var routing = new RouterActivation();
        Route(moe, normed, routing);
        probe?.Routed(layer, routing);

        using var rows = Tensor<BFloat16>.Create([tokens, config.Width], zeroed: false);
        NumberConvert.Narrow(normed.AsSpan(), rows.AsSpan());
        using var dispatched = buffer.BeginDispatch(
            rows,
            routing.Chosen,
            new LowLatencyDispatchOptions { Format = LowLatencyFormat.Fp8PowerOfTwo }
        );
        // The handle outlives its dispatch unless it is disposed by itself.
        using var handle = dispatched.Handle;
        var shared = moe.SharedExpert(arena, normed, out _, out _);
        dispatched.Hook!.Invoke();

        using var outputs = moe.RunExpertsMasked(
            arena,
            Received(dispatched),
            dispatched.Count,
            rank
        );
        using var combined = buffer.BeginCombine(outputs, routing.Chosen, routing.Weights, handle);
        var y = arena.Rent(tokens, config.Width);
        hidden.CopyTo(y);
        VectorMath.Add(y.AsSpan(), shared.AsSpan());
        combined.Hook!.Invoke();
        AddRows(y, combined.X);
        return y;
    }

    /// <summary>Chooses experts and their weights.</summary>
    protected virtual void Route(MoeBlock moe, Tensor<float> normed, RouterActivation routing) =>
        moe.Router.Forward(normed, routing);

    /// <summary>Rows for the local experts with their scales.</summary>
    protected virtual ScaledTensor Received(LowLatencyDispatchResult dispatched) =>
        new(dispatched.X.As<Float8E4M3>(), dispatched.Scales!.As<float>());

    private static void AddRows(Tensor<float> y, Tensor<BFloat16> rows)
    {
        var to = y.AsSpan();
        var from = rows.AsSpan();
        for (var i = 0; i < to.Length; i++)
            to[i] += (float)from[i];
    }
}
