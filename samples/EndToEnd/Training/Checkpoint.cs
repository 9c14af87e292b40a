// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Runtime.InteropServices;
using DeepInfra.Core;
using DeepInfra.Fs;
using DeepInfra.Fs.Checkpoints;
using EndToEnd.Model;

namespace EndToEnd.Training;

/// <summary>Weights and both moments of every stage as shards of a checkpoint on 3FS.</summary>
internal sealed class Checkpoint(IFileSystem files)
{
    private readonly CheckpointStore _store = new(files, "/checkpoints");

    /// <returns>The bytes written.</returns>
    public async Task<long> SaveAsync(
        string name,
        IReadOnlyList<TransformerLayer> layers,
        int step,
        CancellationToken cancellationToken
    )
    {
        var shards = layers
            .SelectMany(Parts)
            .Select(p => new TensorShard(
                p.Name,
                "float32",
                [p.Tensor.ElementCount],
                MemoryMarshal.AsBytes(p.Tensor.AsSpan()).ToArray()
            ))
            .ToList();
        var metadata = new Dictionary<string, string>
        {
            ["step"] = step.ToString(CultureInfo.InvariantCulture),
        };
        await _store.SaveAsync(
            name,
            shards,
            metadata: metadata,
            cancellationToken: cancellationToken
        );
        return shards.Sum(s => (long)s.Data.Length);
    }

    /// <summary>Loads into the layers; returns the step.</summary>
    /// <exception cref="InvalidDataException">The checkpoint is of another model.</exception>
    public async Task<int> LoadAsync(
        string name,
        IReadOnlyList<TransformerLayer> layers,
        CancellationToken cancellationToken
    )
    {
        var parts = layers.SelectMany(Parts).ToDictionary(p => p.Name, p => p.Tensor);
        var buffers = parts.ToDictionary(
            p => p.Key,
            p => new byte[p.Value.ElementCount * sizeof(float)]
        );
        var loaded = 0;
        var info = await _store.LoadAsync(
            name,
            tensor =>
            {
                if (
                    !buffers.TryGetValue(tensor.Name, out var buffer)
                    || buffer.Length != tensor.Length
                )
                    throw new InvalidDataException(
                        $"checkpoint '{name}': '{tensor.Name}' belongs to another model"
                    );
                loaded++;
                return buffer;
            },
            cancellationToken
        );
        if (loaded != parts.Count)
            throw new InvalidDataException(
                $"checkpoint '{name}': expected {parts.Count} tensors, got {loaded}"
            );
        foreach (var (part, tensor) in parts)
            buffers[part].CopyTo(MemoryMarshal.AsBytes(tensor.AsSpan()));
        return int.Parse(info.Metadata["step"], CultureInfo.InvariantCulture);
    }

    private static IEnumerable<(string Name, Tensor<float> Tensor)> Parts(TransformerLayer layer) =>
        [
            ($"stage-{layer.Index}.weights", layer.Parameters.Values),
            ($"stage-{layer.Index}.first-moment", layer.Parameters.FirstMoment),
            ($"stage-{layer.Index}.second-moment", layer.Parameters.SecondMoment),
        ];
}
