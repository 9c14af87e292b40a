// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using EndToEnd.Model;

namespace EndToEnd.Inference.Agreement;

/// <summary>What a prefill handed from one half of each layer to the next: by layer, one row per token.</summary>
internal sealed class ForwardTrace(int layers)
{
    /// <summary>Inputs of the layers.</summary>
    public List<float[]>[] Inputs { get; } = Empty<float[]>(layers);

    /// <summary>The heads' values.</summary>
    public List<float[]>[] Contexts { get; } = Empty<float[]>(layers);

    /// <summary>After the attention.</summary>
    public List<float[]>[] Hidden { get; } = Empty<float[]>(layers);

    /// <summary>The router's scores of all experts.</summary>
    public List<float[]>[] Scores { get; } = Empty<float[]>(layers);

    public List<int[]>[] Chosen { get; } = Empty<int[]>(layers);

    /// <summary>Outputs of the layers.</summary>
    public List<float[]>[] Outputs { get; } = Empty<float[]>(layers);

    public List<float[]> Logits { get; } = [];

    /// <summary>Adds every token of a layer.</summary>
    public void Add(int layer, LayerActivation a, Tensor<float> output)
    {
        AddRows(Inputs[layer], a.Attention.X);
        AddRows(Contexts[layer], a.Attention.Context);
        AddRows(Hidden[layer], a.Moe.X);
        AddRows(Outputs[layer], output);
        for (var t = 0; t < a.Moe.Routing.Tokens; t++)
        {
            Scores[layer].Add(a.Moe.Routing.ScoresOf(t).ToArray());
            Chosen[layer].Add(a.Moe.Routing.ChosenBy(t));
        }
    }

    private static void AddRows(List<float[]> rows, Tensor<float> tensor)
    {
        for (var t = 0; t < (int)tensor.Shape[0]; t++)
            rows.Add(tensor.AsView().Row(t).ToArray());
    }

    private static List<T>[] Empty<T>(int layers)
    {
        var lists = new List<T>[layers];
        for (var l = 0; l < layers; l++)
            lists[l] = [];
        return lists;
    }
}
