// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Ep;
using DeepInfra.FlashMla;
using EndToEnd.Model;

namespace EndToEnd.Inference;

/// <summary>
/// One expert rank's half of the serving flow: its own sequences in a paged FP8 latent cache, its share of the
/// experts. Prefill runs the unabsorbed attention and fills the cache; decode runs the absorbed attention on
/// it, with the low-latency expert exchange. Calls are collective: every rank makes the same sequence of calls.
/// </summary>
internal sealed class RankDecoder : IDisposable
{
    public const int MaxBatch = 8;
    public const int PageSize = 16;
    private const int CacheBlocks = 128;

    private readonly ModelConfig _config;
    private readonly IReadOnlyList<TransformerLayer> _layers;
    private readonly int _rank;
    private readonly ThroughputBuffer _throughput;
    private readonly BlockTableBuilder _table = new(MaxBatch, CacheBlocks);
    private readonly MlaDecodePlan _plan;

    public RankDecoder(
        ModelConfig config,
        IReadOnlyList<TransformerLayer> layers,
        int rank,
        ThroughputBuffer throughput,
        LowLatencyBuffer lowLatency,
        CpuBackendOptions cpu
    )
    {
        _config = config;
        _layers = layers;
        _rank = rank;
        _throughput = throughput;
        Cache = new PagedMlaKvCache(
            new PagedMlaKvCacheOptions
            {
                BlockCount = CacheBlocks,
                PageSize = PageSize,
                Format = KvCacheFormat.Fp8V32,
                LayerCount = layers.Count,
                Cpu = cpu,
            }
        );
        _plan = MlaDecodePlan.Create(
            Device.Cpu,
            new MlaDecodeOptions
            {
                Shape = MlaShape.DeepSeekV3(config.Heads),
                MaxBatch = MaxBatch,
                PageSize = PageSize,
                Format = KvCacheFormat.Fp8V32,
                SoftmaxScale = config.SoftmaxScale,
                Cpu = cpu,
            }
        );
        Attention = new AbsorbedAttention(config, layers);
        LowLatency = lowLatency;
        Experts = new DecodeExperts(config, lowLatency, rank);
    }

    public PagedMlaKvCache Cache { get; }

    /// <summary>What expert rows of decode steps travel through.</summary>
    public LowLatencyBuffer LowLatency { get; }

    /// <summary>The attention of decode steps; disposed with this.</summary>
    public AbsorbedAttention Attention { get; set; }

    /// <summary>The experts of decode steps.</summary>
    public DecodeExperts Experts { get; set; }

    /// <summary>Fills the cache with the prompts and returns the logits of every position, one after another.</summary>
    /// <param name="layerDone">Sees each layer's activations and output.</param>
    public float[][] Prefill(
        IReadOnlyList<MlaSequence> sequences,
        IReadOnlyList<int[]> prompts,
        Action<int, LayerActivation, Tensor<float>>? layerDone = null
    )
    {
        using var a = new LayerActivation { CumulativeLengths = Starts(prompts) };
        var tokens = prompts.SelectMany(p => p).ToArray();
        var slots = new int[tokens.Length];
        var offset = 0;
        for (var i = 0; i < prompts.Count; i++)
        {
            Cache.Extend(sequences[i], prompts[i].Length);
            Cache.GetSlots(sequences[i], 0, slots.AsSpan(offset, prompts[i].Length));
            offset += prompts[i].Length;
        }
        using var slotTensor = Tensor<int>.FromSpan(slots, [slots.Length]);

        var x = _layers[0].Embed(a.Arena, tokens);
        for (var l = 0; l < _layers.Count; l++)
        {
            using var layer = new LayerActivation { CumulativeLengths = Starts(prompts) };
            _layers[l].BeginForward(layer, x, _throughput);
            Cache.Append(l, slotTensor, layer.Attention.Latent, layer.Attention.KeyRope);
            _layers[l].MiddleForward(layer, _throughput, _rank);
            var y = a.Arena.Rent(tokens.Length, _config.Width);
            _layers[l].Moe.EndForward(layer.Moe, layer.Arena).CopyTo(y);
            layerDone?.Invoke(l, layer, y);
            x = y;
        }
        return Rows(_layers[^1].Logits(a.Arena, x));
    }

    /// <summary>Appends one token to each sequence and returns the logits of the next.</summary>
    public float[][] Decode(
        ReadOnlySpan<MlaSequence> sequences,
        ReadOnlySpan<int> tokens,
        DecodeProbe? probe = null
    )
    {
        using var arena = new Arena();
        var positions = new int[tokens.Length];
        for (var i = 0; i < positions.Length; i++)
        {
            positions[i] = sequences[i].Length;
            Cache.Extend(sequences[i], 1);
        }
        _table.Build(sequences, newTokens: 1);
        _plan.Update(_table.CacheSeqlens);

        var x = _layers[0].Embed(arena, tokens);
        for (var l = 0; l < _layers.Count; l++)
        {
            probe?.Enter(l, x);
            var context = Attention.Run(arena, l, x, positions, Cache, _table, _plan);
            probe?.Attended(l, context);
            var hidden = arena.Rent(tokens.Length, _config.Width);
            _layers[l].Attention.Output.Forward(context, hidden);
            VectorMath.Add(hidden.AsSpan(), x.AsSpan());
            probe?.EnterExperts(l, hidden);
            x = Experts.Run(arena, l, _layers[l].Moe, hidden, probe);
            probe?.Leave(l, x);
        }
        return Rows(_layers[^1].Logits(arena, x));
    }

    public void Dispose()
    {
        Attention.Dispose();
        _plan.Dispose();
        _table.Dispose();
        Cache.Dispose();
    }

    private static Tensor<int> Starts(IReadOnlyList<int[]> prompts)
    {
        var starts = new int[prompts.Count + 1];
        for (var i = 0; i < prompts.Count; i++)
            starts[i + 1] = starts[i] + prompts[i].Length;
        return Tensor<int>.FromSpan(starts, [starts.Length]);
    }

    private static float[][] Rows(Tensor<float> logits)
    {
        var rows = new float[logits.Shape[0]][];
        for (var i = 0; i < rows.Length; i++)
            rows[i] = logits.AsView().Row(i).ToArray();
        return rows;
    }
}
