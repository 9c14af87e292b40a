// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Numerics;
using DeepInfra.Ep;
using DeepInfra.Gemm;

namespace EndToEnd.Model;

/// <summary>
/// Mixture of experts with its norm and residual: one shared expert, eight routed ones of which two are chosen,
/// four per expert rank. Forward and backward come in three phases around the two communication steps, so that
/// the caller can run other work while rows travel.
/// </summary>
internal sealed class MoeBlock : IDisposable
{
    private readonly ModelConfig _config;
    private readonly RmsNorm _norm;
    private readonly Linear _sharedGateUp;
    private readonly Linear _sharedDown;
    private readonly GroupedLinear _gateUp;
    private readonly GroupedLinear _down;

    public MoeBlock(ModelConfig config, ParameterSet parameters)
    {
        _config = config;
        var c = config;
        var residual = 0.5f / MathF.Sqrt(2 * c.Layers);
        var (toHidden, toWidth) = (1f / MathF.Sqrt(c.Width), residual / MathF.Sqrt(c.ExpertWidth));
        _norm = new RmsNorm(parameters.Add("moe.norm", [c.Width], 0), c.NormEpsilon);
        Router = new Router(c, parameters);
        _sharedGateUp = new Linear(
            parameters.Add("moe.shared.gate_up", [2 * c.ExpertWidth, c.Width], toHidden)
        );
        _sharedDown = new Linear(
            parameters.Add("moe.shared.down", [c.Width, c.ExpertWidth], toWidth)
        );
        _gateUp = new GroupedLinear(
            parameters.Add(
                "moe.experts.gate_up",
                [c.Experts, 2 * c.ExpertWidth, c.Width],
                toHidden
            ),
            c.LocalExperts
        );
        _down = new GroupedLinear(
            parameters.Add("moe.experts.down", [c.Experts, c.Width, c.ExpertWidth], toWidth),
            c.LocalExperts
        );
    }

    public Router Router { get; }

    public IEnumerable<IProduct> Products => [_sharedGateUp, _sharedDown, _gateUp, _down];

    public void Dispose()
    {
        _sharedGateUp.Dispose();
        _sharedDown.Dispose();
        _gateUp.Dispose();
        _down.Dispose();
    }

    public void Refresh()
    {
        _sharedGateUp.Refresh();
        _sharedDown.Refresh();
        _gateUp.Refresh();
        _down.Refresh();
    }

    /// <summary>Phase 1: norm, routing, rows leave.</summary>
    public void BeginForward(MoeActivation a, Arena arena, Tensor<float> x, ThroughputBuffer buffer)
    {
        a.X = x;
        a.Normed = arena.Rent(x.Shape[0], _config.Width);
        _norm.Forward(x, a.Normed);
        Router.Forward(a.Normed, a.Routing);
        a.SentRows = Tensor<BFloat16>.Create(a.Normed.Shape, zeroed: false);
        NumberConvert.Narrow(a.Normed.AsSpan(), a.SentRows.AsSpan());
        a.Dispatched = buffer.Dispatch(
            new DispatchInput(a.SentRows, a.Routing.Chosen, a.Routing.Weights)
            {
                Experts = _config.Experts,
            },
            new DispatchOptions { Async = true }
        );
    }

    /// <summary>Between phases 1 and 2: the shared expert needs no communication.</summary>
    public void SharedForward(MoeActivation a, Arena arena)
    {
        a.SharedOutput = SharedExpert(arena, a.Normed, out var gateUp, out var hidden);
        a.SharedGateUp = gateUp;
        a.SharedHidden = hidden;
    }

    /// <summary>Phase 2: rows have arrived, the local experts run, results leave.</summary>
    public void ExpertsForward(
        MoeActivation a,
        Arena arena,
        ThroughputBuffer buffer,
        int expertRank
    )
    {
        var dispatched = a.Dispatched!;
        dispatched.Event.Wait();
        var received = dispatched.X.As<BFloat16>();
        a.Rows = new ExpertRows(dispatched.TopkIdx!.As<long>(), _config.LocalExperts);
        a.RowInputs = arena.Rent(a.Rows.RowCount, _config.Width);
        a.Rows.Gather(received, a.RowInputs);
        a.RowGateUp = arena.Rent(a.Rows.RowCount, 2 * _config.ExpertWidth);
        a.RowHidden = arena.Rent(a.Rows.RowCount, _config.ExpertWidth);
        a.RowOutputs = arena.Rent(a.Rows.RowCount, _config.Width);
        RunExperts(arena, a.Rows, a.RowInputs, a.RowGateUp, a.RowHidden, a.RowOutputs, expertRank);

        var results = arena.Rent(received.Shape[0], _config.Width);
        a.Rows.ScatterWeighted(a.RowOutputs, dispatched.TopkWeights!.As<float>(), results);
        a.Combined = buffer.Combine(
            results,
            dispatched.Handle,
            new CombineOptions { Async = true }
        );
    }

    /// <summary>Phase 3: results are back. y = x + shared + routed.</summary>
    public Tensor<float> EndForward(MoeActivation a, Arena arena)
    {
        a.Combined!.Event.Wait();
        var y = arena.Rent(a.X.Shape[0], _config.Width);
        a.X.CopyTo(y);
        VectorMath.Add(y.AsSpan(), a.SharedOutput.AsSpan());
        VectorMath.Add(y.AsSpan(), a.Combined.X.As<float>().AsSpan());
        return y;
    }

    /// <summary>Phase 1 backward: output gradients leave along the same routes as the rows did.</summary>
    public static MoeGradients BeginBackward(
        MoeActivation a,
        Tensor<float> dy,
        ThroughputBuffer buffer
    ) =>
        new()
        {
            Output = dy,
            Dispatched = buffer.DispatchCached(
                dy,
                a.Dispatched!.Handle,
                new DispatchOptions { Async = true }
            ),
        };

    /// <summary>Between phases 1 and 2: gradients of the shared expert.</summary>
    public void SharedBackward(
        MoeActivation a,
        MoeGradients g,
        Arena arena,
        int expertRank,
        DeferredWork deferred
    )
    {
        var tokens = g.Output.Shape[0];
        var dHidden = arena.Rent(tokens, _config.ExpertWidth);
        _sharedDown.BackwardInput(g.Output, dHidden);
        deferred.Add(() => _sharedDown.BackwardWeight(a.SharedHidden, g.Output, expertRank));
        var dGateUp = arena.Rent(tokens, 2 * _config.ExpertWidth);
        for (var t = 0; t < tokens; t++)
            VectorMath.SwiGluBackward(
                a.SharedGateUp.AsView().Row(t),
                dHidden.AsView().Row(t),
                dGateUp.AsView().Row(t)
            );
        g.Normed = arena.Rent(tokens, _config.Width);
        _sharedGateUp.BackwardInput(dGateUp, g.Normed);
        deferred.Add(() => _sharedGateUp.BackwardWeight(a.Normed, dGateUp, expertRank));
    }

    /// <summary>Phase 2 backward: gradients of the local experts; row gradients leave.</summary>
    public void ExpertsBackward(
        MoeActivation a,
        MoeGradients g,
        Arena arena,
        ThroughputBuffer buffer,
        int expertRank,
        DeferredWork deferred
    )
    {
        g.Dispatched!.Event.Wait();
        var rows = a.Rows!;
        var received = a.Dispatched!.X.Shape[0];
        var dOutputs = arena.Rent(rows.RowCount, _config.Width);
        rows.Gather(g.Dispatched.X.As<float>(), dOutputs);
        var dWeights = g.Weights = Tensor<float>.Create(
            a.Dispatched.TopkWeights!.Shape,
            zeroed: false
        );
        rows.WeightGradients(
            dOutputs,
            a.RowOutputs,
            a.Dispatched.TopkWeights.As<float>(),
            dWeights
        );

        var dHidden = arena.Rent(rows.RowCount, _config.ExpertWidth);
        _down.BackwardInput(rows, dOutputs, dHidden, expertRank);
        deferred.Add(() => _down.BackwardWeight(rows, a.RowHidden, dOutputs, expertRank));
        var dGateUp = arena.Rent(rows.RowCount, 2 * _config.ExpertWidth);
        for (var row = 0; row < rows.RowCount; row++)
            VectorMath.SwiGluBackward(
                a.RowGateUp.AsView().Row(row),
                dHidden.AsView().Row(row),
                dGateUp.AsView().Row(row)
            );
        var dInputs = arena.Rent(rows.RowCount, _config.Width);
        _gateUp.BackwardInput(rows, dGateUp, dInputs, expertRank);
        deferred.Add(() => _gateUp.BackwardWeight(rows, a.RowInputs, dGateUp, expertRank));

        var dReceived = arena.Rent(received, _config.Width);
        rows.Scatter(dInputs, dReceived);
        g.Combined = buffer.Combine(
            dReceived,
            a.Dispatched.Handle,
            new CombineOptions { TopkWeights = dWeights, Async = true }
        );
    }

    /// <summary>Phase 3 backward: the gradient of the block's input.</summary>
    public Tensor<float> EndBackward(MoeActivation a, MoeGradients g, Arena arena, int expertRank)
    {
        g.Combined!.Event.Wait();
        VectorMath.Add(g.Normed.AsSpan(), g.Combined.X.As<float>().AsSpan());
        Router.Backward(
            a.Normed,
            a.Routing,
            g.Combined.TopkWeights!.As<float>(),
            g.Normed,
            expertRank
        );
        var dx = arena.Rent(g.Output.Shape[0], _config.Width);
        g.Output.CopyTo(dx);
        _norm.Backward(a.X, g.Normed, dx, expertRank, accumulate: true);
        return dx;
    }

    /// <summary>The norm alone, for decode.</summary>
    public void Normalise(Tensor<float> x, Tensor<float> normed) => _norm.Forward(x, normed);

    public Tensor<float> SharedExpert(
        Arena arena,
        Tensor<float> normed,
        out Tensor<float> gateUp,
        out Tensor<float> hidden
    )
    {
        var tokens = normed.Shape[0];
        gateUp = arena.Rent(tokens, 2 * _config.ExpertWidth);
        _sharedGateUp.Forward(normed, gateUp);
        hidden = arena.Rent(tokens, _config.ExpertWidth);
        for (var t = 0; t < tokens; t++)
            VectorMath.SwiGlu(gateUp.AsView().Row(t), hidden.AsView().Row(t));
        var output = arena.Rent(tokens, _config.Width);
        _sharedDown.Forward(hidden, output);
        return output;
    }

    /// <summary>The local experts on rows as the low-latency exchange delivers them.</summary>
    /// <param name="received">[L,M,width] E4M3, scales [L,M,width/128]; the first <paramref name="valid"/> rows count.</param>
    /// <returns>[L,M,width] BFloat16.</returns>
    public Tensor<BFloat16> RunExpertsMasked(
        Arena arena,
        ScaledTensor received,
        Tensor<int> valid,
        int expertRank
    )
    {
        var (experts, places) = (received.Data.Shape[0], received.Data.Shape[1]);
        var gateUp = arena.Rent(experts * places, 2 * _config.ExpertWidth);
        var expected = (int)Math.Max(1, places / _config.Experts);
        _gateUp.ForwardMasked(
            received,
            gateUp.AsReshaped([experts, places, 2 * _config.ExpertWidth]),
            valid,
            expected,
            expertRank
        );
        var hidden = arena.Rent(experts * places, _config.ExpertWidth);
        hidden.AsSpan().Clear();
        for (var e = 0; e < experts; e++)
        for (var row = e * places; row < e * places + valid[e]; row++)
            VectorMath.SwiGlu(gateUp.AsView().Row(row), hidden.AsView().Row(row));
        var quantized = Fp8.PerToken(hidden, powerOfTwo: true);
        var output = Tensor<BFloat16>.Create([experts, places, _config.Width]);
        _down.ForwardMasked(
            new ScaledTensor(
                quantized.Data.AsReshaped([experts, places, _config.ExpertWidth]),
                quantized.Scales.AsReshaped([experts, places, Fp8.Blocks(_config.ExpertWidth)])
            ),
            output,
            valid,
            expected,
            expertRank
        );
        return output;
    }

    public void RunExperts(
        Arena arena,
        ExpertRows rows,
        Tensor<float> inputs,
        Tensor<float> gateUp,
        Tensor<float> hidden,
        Tensor<float> outputs,
        int expertRank
    )
    {
        _gateUp.Forward(rows, inputs, gateUp, expertRank);
        for (var row = 0; row < rows.RowCount; row++)
            VectorMath.SwiGlu(gateUp.AsView().Row(row), hidden.AsView().Row(row));
        _down.Forward(rows, hidden, outputs, expertRank);
    }
}
