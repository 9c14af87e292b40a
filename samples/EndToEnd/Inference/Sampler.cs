// SPDX-License-Identifier: MIT
namespace EndToEnd.Inference;

/// <summary>Chooses the next token from logits.</summary>
internal static class Sampler
{
    public static int Greedy(ReadOnlySpan<float> logits)
    {
        var best = 0;
        for (var i = 1; i < logits.Length; i++)
            if (logits[i] > logits[best])
                best = i;
        return best;
    }

    /// <summary>Softmax sampling among the <paramref name="top"/> most likely tokens.</summary>
    public static int Sample(ReadOnlySpan<float> logits, float temperature, int top, Random random)
    {
        var order = Enumerable.Range(0, logits.Length).ToArray();
        var values = logits.ToArray();
        Array.Sort(order, (a, b) => values[b].CompareTo(values[a]));
        var weights = new double[top];
        for (var i = 0; i < top; i++)
            weights[i] = Math.Exp((values[order[i]] - values[order[0]]) / temperature);
        var draw = random.NextDouble() * weights.Sum();
        for (var i = 0; i < top; i++)
        {
            draw -= weights[i];
            if (draw < 0)
                return order[i];
        }
        return order[0];
    }
}
