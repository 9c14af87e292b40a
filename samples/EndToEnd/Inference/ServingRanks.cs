// SPDX-License-Identifier: MIT
using DeepInfra.Ep;
using EndToEnd.Model;

namespace EndToEnd.Inference;

/// <summary>The serving half of the program: layers, expert ranks with their decoders, and what they exchange rows with.</summary>
internal sealed class ServingRanks : IDisposable
{
    private readonly ExpertParallelGroup[] _group;
    private readonly ThroughputBuffer[] _throughput;
    private readonly LowLatencyBuffer[] _lowLatency;

    public ServingRanks(ModelConfig config, int seed)
    {
        Layers =
        [
            .. Enumerable
                .Range(0, config.Layers)
                .Select(i => new TransformerLayer(config, i, seed, Fp8.Single)),
        ];
        _group = ExpertRanks.CreateGroup(config);
        _throughput = ExpertRanks.CreateBuffers(config, _group);
        _lowLatency = ExpertRanks.OnEveryRank(
            _group,
            g =>
                LowLatencyBuffer.Create(
                    g,
                    new LowLatencyBufferOptions
                    {
                        MaxTokensPerRank = RankDecoder.MaxBatch,
                        Hidden = config.Width,
                        Experts = config.Experts,
                    }
                )
        );
        Team = new RankTeam("serve", config.ExpertRanks);
        Config = config;
    }

    public IReadOnlyList<TransformerLayer> Layers { get; }

    public RankTeam Team { get; }

    public RankDecoder[] Decoders { get; private set; } = [];

    private ModelConfig Config { get; }

    /// <summary>Prepares decoding with the present weights of the layers.</summary>
    public void Refresh()
    {
        foreach (var layer in Layers)
            layer.Refresh();
        foreach (var decoder in Decoders)
            decoder.Dispose();
        Decoders =
        [
            .. Enumerable
                .Range(0, Team.Size)
                .Select(r => new RankDecoder(
                    Config,
                    Layers,
                    r,
                    _throughput[r],
                    _lowLatency[r],
                    Fp8.Single
                )),
        ];
    }

    public void Dispose()
    {
        Team.Dispose();
        foreach (var decoder in Decoders)
            decoder.Dispose();
        foreach (var buffer in _lowLatency)
            buffer.Dispose();
        foreach (var buffer in _throughput)
            buffer.Dispose();
        foreach (var member in _group)
            member.Dispose();
        foreach (var layer in Layers)
            layer.Dispose();
    }
}
