// SPDX-License-Identifier: MIT
using EndToEnd.Model;

namespace EndToEnd.Inference.Agreement;

/// <summary>
/// Lets decode run on its own results, but through the experts that prefill chose if <paramref name="replay"/>. Records
/// which experts decode chooses itself.
/// </summary>
internal sealed class ChoiceProbe(ForwardTrace expected, bool replay) : TraceProbe(expected)
{
    /// <summary>Places where the router of decode chose other experts.</summary>
    public List<ChangedChoice> Changed { get; } = [];

    public int Choices { get; private set; }

    /// <summary>Logits by row of the trace.</summary>
    public SortedDictionary<int, float[]> Logits { get; } = [];

    public override void Routed(int layer, RouterActivation routing)
    {
        for (var i = 0; i < Rows.Length; i++)
        {
            Choices++;
            var (own, recorded) = (routing.ChosenBy(i), Expected.Chosen[layer][Rows[i]]);
            if (!own.Order().SequenceEqual(recorded.Order()))
                Changed.Add(new ChangedChoice(layer, Rows[i], recorded, own));
            if (!replay)
                continue;
            var chosen = routing.Chosen.AsView().Row(i);
            for (var k = 0; k < chosen.Length; k++)
                chosen[k] = recorded[k];
            Router.Weigh(routing.ScoresOf(i), chosen, routing.Weights.AsView().Row(i));
        }
    }

    public override void Finish(float[][] logits)
    {
        for (var i = 0; i < logits.Length; i++)
            Logits.Add(Rows[i], logits[i]);
    }
}
