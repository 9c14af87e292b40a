// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.FlashMla;

namespace EndToEnd.Model;

/// <summary>
/// Multi-head latent attention with its norm and residual: keys and values come from one 512-wide latent and a
/// shared 64-wide rotary key. Training and prefill run the unabsorbed form (192-wide heads); decode runs the
/// absorbed form on the cached latents and lives in <see cref="Inference.AbsorbedAttention"/>.
/// </summary>
internal sealed class AttentionBlock : IDisposable
{
    private readonly ModelConfig _config;
    private readonly RmsNorm _norm;
    private readonly RmsNorm _latentNorm;
    private readonly RotaryEmbedding _rotary;
    private readonly CpuBackendOptions _cpu;

    public AttentionBlock(ModelConfig config, ParameterSet parameters, CpuBackendOptions cpu)
    {
        _config = config;
        _cpu = cpu;
        var c = config;
        // Residual branches start smaller, so that the sum over layers keeps its scale.
        var residual = 0.5f / MathF.Sqrt(2 * c.Layers);
        _norm = new RmsNorm(parameters.Add("attention.norm", [c.Width], 0), c.NormEpsilon);
        Query = new Linear(
            parameters.Add("attention.query", [c.Heads * c.QueryDim, c.Width], Deviation(c.Width))
        );
        Down = new Linear(
            parameters.Add("attention.down", [c.Latent + c.RopeDim, c.Width], Deviation(c.Width))
        );
        _latentNorm = new RmsNorm(
            parameters.Add("attention.latent_norm", [c.Latent], 0),
            c.NormEpsilon
        );
        Up = new Linear(
            parameters.Add(
                "attention.up",
                [c.Heads * (c.NopeDim + c.ValueDim), c.Latent],
                Deviation(c.Latent)
            ),
            powerOfTwoScales: true
        );
        Output = new Linear(
            parameters.Add(
                "attention.output",
                [c.Width, c.Heads * c.ValueDim],
                residual * Deviation(c.Heads * c.ValueDim)
            )
        );
        _rotary = new RotaryEmbedding(c.RopeDim, positions: 4096, c.RopeBase);
    }

    public Linear Query { get; }

    public Linear Down { get; }

    /// <summary>Per head [key without position | value], from the latent.</summary>
    public Linear Up { get; }

    public Linear Output { get; }

    public IEnumerable<IProduct> Products => [Query, Down, Up, Output];

    public void Dispose()
    {
        Query.Dispose();
        Down.Dispose();
        Up.Dispose();
        Output.Dispose();
    }

    public void Refresh()
    {
        Query.Refresh();
        Down.Refresh();
        Up.Refresh();
        Output.Refresh();
    }

    /// <summary>y = x + attention(norm(x)) over whole sequences.</summary>
    /// <param name="a">Keeps what the backward pass needs.</param>
    /// <param name="x">[T,width], sequences of equal length one after another.</param>
    /// <param name="cumulativeLengths">[B+1] starts of the sequences.</param>
    public Tensor<float> Forward(
        AttentionActivation a,
        Arena arena,
        Tensor<float> x,
        Tensor<int> cumulativeLengths
    )
    {
        var c = _config;
        var tokens = x.Shape[0];
        var lengths = cumulativeLengths.AsSpan();
        a.X = x;
        a.CumulativeLengths = cumulativeLengths;
        a.Normed = arena.Rent(tokens, c.Width);
        _norm.Forward(x, a.Normed);

        var query = arena.Rent(tokens, c.Heads * c.QueryDim);
        Query.Forward(a.Normed, query);
        a.Compressed = arena.Rent(tokens, c.Latent + c.RopeDim);
        Down.Forward(a.Normed, a.Compressed);
        var latent = a.Compressed.AsSlice(1, 0, c.Latent);
        a.Latent = arena.Rent(tokens, c.Latent);
        _latentNorm.Forward(latent, a.Latent);
        a.KeyRope = a.Compressed.AsSlice(1, c.Latent, c.RopeDim);
        var up = arena.Rent(tokens, c.Heads * (c.NopeDim + c.ValueDim));
        Up.Forward(a.Latent, up);

        a.Query = query.AsReshaped([tokens, c.Heads, c.QueryDim]);
        a.Key = arena.Rent(tokens, c.Heads * c.QueryDim).AsReshaped([tokens, c.Heads, c.QueryDim]);
        a.Value = up.AsReshaped([tokens, c.Heads, c.NopeDim + c.ValueDim])
            .AsSlice(2, c.NopeDim, c.ValueDim);
        for (var s = 0; s + 1 < lengths.Length; s++)
        for (var t = lengths[s]; t < lengths[s + 1]; t++)
            PlaceToken(a, up, t, t - lengths[s]);

        a.Context = arena.Rent(tokens, c.Heads * c.ValueDim);
        a.LogSumExp = arena.Rent(tokens, c.Heads);
        var longest = Longest(lengths);
        MlaAttention.PrefillDense(
            a.Query,
            a.Key,
            a.Value,
            cumulativeLengths,
            cumulativeLengths,
            longest,
            longest,
            causal: true,
            softmaxScale: c.SoftmaxScale,
            output: a.Context.AsReshaped([tokens, c.Heads, c.ValueDim]),
            logSumExp: a.LogSumExp,
            cpu: _cpu
        );

        var y = arena.Rent(tokens, c.Width);
        Output.Forward(a.Context, y);
        VectorMath.Add(y.AsSpan(), x.AsSpan());
        return y;
    }

    /// <summary>Gradient of the input; the weights' gradients are left to the deferred work.</summary>
    public Tensor<float> Backward(
        AttentionActivation a,
        Arena arena,
        Tensor<float> dy,
        int expertRank,
        DeferredWork deferred
    )
    {
        var c = _config;
        var tokens = dy.Shape[0];
        var lengths = a.CumulativeLengths.AsSpan();
        var longest = Longest(lengths);
        var dContext = arena.Rent(tokens, c.Heads * c.ValueDim);
        Output.BackwardInput(dy, dContext);
        deferred.Add(() => Output.BackwardWeight(a.Context, dy, expertRank));

        var dQuery = arena.Rent(tokens, c.Heads * c.QueryDim);
        var dKey = arena.Rent(tokens, c.Heads * c.QueryDim);
        var dUp = arena.Rent(tokens, c.Heads * (c.NopeDim + c.ValueDim));
        var dValue = arena.Rent(tokens, c.Heads * c.ValueDim);
        Shape heads = [tokens, c.Heads, c.QueryDim];
        Shape values = [tokens, c.Heads, c.ValueDim];
        MlaAttention.PrefillDenseBackward(
            dContext.AsReshaped(values),
            a.Query,
            a.Key,
            a.Value,
            a.Context.AsReshaped(values),
            a.LogSumExp,
            a.CumulativeLengths,
            a.CumulativeLengths,
            longest,
            longest,
            causal: true,
            softmaxScale: c.SoftmaxScale,
            gradQuery: dQuery.AsReshaped(heads),
            gradKey: dKey.AsReshaped(heads),
            gradValue: dValue.AsReshaped(values),
            cpu: _cpu
        );

        var dCompressed = arena.Rent(tokens, c.Latent + c.RopeDim);
        for (var s = 0; s + 1 < lengths.Length; s++)
        for (var t = lengths[s]; t < lengths[s + 1]; t++)
            GatherTokenGradients(dQuery, dKey, dValue, dUp, dCompressed, t, t - lengths[s]);

        var dLatent = arena.Rent(tokens, c.Latent);
        Up.BackwardInput(dUp, dLatent);
        deferred.Add(() => Up.BackwardWeight(a.Latent, dUp, expertRank));
        _latentNorm.Backward(
            a.Compressed.AsSlice(1, 0, c.Latent),
            dLatent,
            dCompressed.AsSlice(1, 0, c.Latent),
            expertRank,
            accumulate: false
        );

        var dNormed = arena.Rent(tokens, c.Width);
        Query.BackwardInput(dQuery, dNormed);
        deferred.Add(() => Query.BackwardWeight(a.Normed, dQuery, expertRank));
        Down.BackwardInput(dCompressed, dNormed, accumulate: true);
        deferred.Add(() => Down.BackwardWeight(a.Normed, dCompressed, expertRank));

        var dx = arena.Rent(tokens, c.Width);
        dy.CopyTo(dx);
        _norm.Backward(a.X, dNormed, dx, expertRank, accumulate: true);
        return dx;
    }

    /// <summary>Latent and rotated key of new tokens, and their rotated queries, for the absorbed decode.</summary>
    /// <param name="positions">Absolute position of each row.</param>
    public void ProjectForDecode(
        Arena arena,
        Tensor<float> x,
        ReadOnlySpan<int> positions,
        Tensor<float> query,
        Tensor<float> latent,
        Tensor<float> keyRope
    )
    {
        var c = _config;
        var tokens = x.Shape[0];
        var normed = arena.Rent(tokens, c.Width);
        _norm.Forward(x, normed);
        Query.Forward(normed, query);
        var compressed = arena.Rent(tokens, c.Latent + c.RopeDim);
        Down.Forward(normed, compressed);
        _latentNorm.Forward(compressed.AsSlice(1, 0, c.Latent), latent);
        compressed.AsSlice(1, c.Latent, c.RopeDim).CopyTo(keyRope);
        for (var t = 0; t < positions.Length; t++)
        {
            _rotary.Rotate(keyRope.AsView().Row(t), positions[t]);
            for (var head = 0; head < c.Heads; head++)
                _rotary.Rotate(
                    query.AsView().Row(t).Slice(head * c.QueryDim + c.NopeDim, c.RopeDim),
                    positions[t]
                );
        }
    }

    private void PlaceToken(AttentionActivation a, Tensor<float> up, int token, int position)
    {
        var c = _config;
        var keyRope = a.KeyRope.AsView().Row(token);
        _rotary.Rotate(keyRope, position);
        var upRow = up.AsView().Row(token);
        for (var head = 0; head < c.Heads; head++)
        {
            _rotary.Rotate(a.Query.AsView().Row(token, head)[c.NopeDim..], position);
            var key = a.Key.AsView().Row(token, head);
            upRow.Slice(head * (c.NopeDim + c.ValueDim), c.NopeDim).CopyTo(key);
            keyRope.CopyTo(key[c.NopeDim..]);
        }
    }

    private void GatherTokenGradients(
        Tensor<float> dQuery,
        Tensor<float> dKey,
        Tensor<float> dValue,
        Tensor<float> dUp,
        Tensor<float> dCompressed,
        int token,
        int position
    )
    {
        var c = _config;
        var dRope = dCompressed.AsView().Row(token)[c.Latent..];
        dRope.Clear();
        for (var head = 0; head < c.Heads; head++)
        {
            _rotary.RotateBack(
                dQuery.AsView().Row(token).Slice(head * c.QueryDim + c.NopeDim, c.RopeDim),
                position
            );
            var key = dKey.AsView().Row(token).Slice(head * c.QueryDim, c.QueryDim);
            var target = dUp.AsView().Row(token)[(head * (c.NopeDim + c.ValueDim))..];
            key[..c.NopeDim].CopyTo(target);
            dValue
                .AsView()
                .Row(token)
                .Slice(head * c.ValueDim, c.ValueDim)
                .CopyTo(target[c.NopeDim..]);
            VectorMath.Add(dRope, key[c.NopeDim..]);
        }
        _rotary.RotateBack(dRope, position);
    }

    private static int Longest(ReadOnlySpan<int> cumulativeLengths)
    {
        var longest = 0;
        for (var i = 1; i < cumulativeLengths.Length; i++)
            longest = Math.Max(longest, cumulativeLengths[i] - cumulativeLengths[i - 1]);
        return longest;
    }

    private static float Deviation(int fanIn) => 1f / MathF.Sqrt(fanIn);
}
