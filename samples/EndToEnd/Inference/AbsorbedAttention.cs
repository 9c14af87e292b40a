// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.FlashMla;
using EndToEnd.Model;

namespace EndToEnd.Inference;

/// <summary>
/// The decode form of latent attention: the key up-projection is folded into the query and the value
/// up-projection into the result, so that attention works on the cached latents themselves. It uses the same
/// quantised weights as prefill.
/// </summary>
internal class AbsorbedAttention : IDisposable
{
    private readonly ModelConfig _config;
    private readonly IReadOnlyList<TransformerLayer> _layers;

    /// <summary>Key up-projections by layer, [H,128,512].</summary>
    private readonly Tensor<float>[] _keyUp;

    /// <summary>Value up-projections by layer, [H,512,128].</summary>
    private readonly Tensor<float>[] _valueUp;

    public AbsorbedAttention(ModelConfig config, IReadOnlyList<TransformerLayer> layers)
    {
        _config = config;
        _layers = layers;
        _keyUp = new Tensor<float>[layers.Count];
        _valueUp = new Tensor<float>[layers.Count];
        for (var l = 0; l < layers.Count; l++)
        {
            using var up = layers[l].Attention.Up.Dequantize();
            var heads = up.AsReshaped([
                config.Heads,
                config.NopeDim + config.ValueDim,
                config.Latent,
            ]);
            _keyUp[l] = heads.AsSlice(1, 0, config.NopeDim).ToContiguous();
            _valueUp[l] = heads
                .AsSlice(1, config.NopeDim, config.ValueDim)
                .AsTransposed()
                .ToContiguous();
        }
    }

    /// <summary>Adds the new tokens to the cache and attends. Returns the heads' values [B, H*128].</summary>
    public virtual Tensor<float> Run(
        Arena arena,
        int layer,
        Tensor<float> x,
        ReadOnlySpan<int> positions,
        PagedMlaKvCache cache,
        BlockTableBuilder table,
        MlaDecodePlan plan
    )
    {
        var c = _config;
        var batch = x.Shape[0];
        var query = arena.Rent(batch, c.Heads * c.QueryDim);
        var latent = arena.Rent(batch, c.Latent);
        var keyRope = arena.Rent(batch, c.RopeDim);
        _layers[layer].Attention.ProjectForDecode(arena, x, positions, query, latent, keyRope);
        cache.Append(layer, table.NewSlots, latent, keyRope);

        using var absorbed = Tensor<BFloat16>.Create(
            [batch, 1, c.Heads, c.Latent + c.RopeDim],
            zeroed: false
        );
        MlaProjections.AbsorbQuery(
            query.AsReshaped([batch, c.Heads, c.QueryDim]),
            _keyUp[layer],
            absorbed.AsReshaped([batch, c.Heads, c.Latent + c.RopeDim]),
            Fp8.Single
        );
        using var attended = Tensor<BFloat16>.Create([batch, 1, c.Heads, c.Latent], zeroed: false);
        using var logSumExp = Tensor<float>.Create([batch, c.Heads, 1], zeroed: false);
        MlaAttention.Decode(
            plan,
            absorbed,
            cache.Layer(layer),
            table.BlockTable,
            table.CacheSeqlens,
            attended,
            logSumExp
        );
        var values = arena.Rent(batch, c.Heads * c.ValueDim);
        MlaProjections.ExpandOutput(
            attended.AsReshaped([batch, c.Heads, c.Latent]),
            _valueUp[layer],
            values.AsReshaped([batch, c.Heads, c.ValueDim]),
            Fp8.Single
        );
        return values;
    }

    public void Dispose()
    {
        foreach (var tensor in _keyUp.Concat(_valueUp))
            tensor.Dispose();
    }
}
