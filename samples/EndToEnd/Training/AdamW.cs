// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using EndToEnd.Model;

namespace EndToEnd.Training;

/// <summary>AdamW (Loshchilov and Hutter 2019) over the flat arrays of a stage.</summary>
internal sealed record AdamW
{
    public float Beta1 { get; init; } = 0.9f;
    public float Beta2 { get; init; } = 0.95f;
    public float Epsilon { get; init; } = 1e-8f;
    public float WeightDecay { get; init; } = 0.1f;

    /// <summary>Applies one step to the weights.</summary>
    /// <param name="parameters">Gradients must be reduced; they are multiplied by <paramref name="gradientScale"/>.</param>
    /// <param name="step">1 for the first step.</param>
    public void Apply(ParameterSet parameters, int step, float learningRate, float gradientScale)
    {
        var rate = learningRate / (1 - MathF.Pow(Beta1, step));
        var secondCorrection = 1 / (1 - MathF.Pow(Beta2, step));
        long offset = 0;
        foreach (var parameter in parameters.Parameters)
        {
            var size = (int)parameter.Shape.ElementCount;
            // Norm gains are not decayed.
            var decay = parameter.Shape.Rank > 1 ? 1 - learningRate * WeightDecay : 1;
            Update(
                parameter.Value.AsSpan(),
                parameter.Gradient(0).AsSpan(),
                parameters.FirstMoment.AsSpan().Slice((int)offset, size),
                parameters.SecondMoment.AsSpan().Slice((int)offset, size),
                rate,
                secondCorrection,
                gradientScale,
                decay
            );
            offset += size;
        }
    }

    private void Update(
        Span<float> values,
        Span<float> gradients,
        Span<float> first,
        Span<float> second,
        float rate,
        float secondCorrection,
        float gradientScale,
        float decay
    )
    {
        ref var value = ref MemoryMarshal.GetReference(values);
        ref var gradient = ref MemoryMarshal.GetReference(gradients);
        ref var m = ref MemoryMarshal.GetReference(first);
        ref var v = ref MemoryMarshal.GetReference(second);
        var i = 0;
        for (; i <= values.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            var at = (nuint)i;
            var g = Vector512.LoadUnsafe(ref gradient, at) * gradientScale;
            var newM = Vector512.LoadUnsafe(ref m, at) * Beta1 + g * (1 - Beta1);
            var newV = Vector512.LoadUnsafe(ref v, at) * Beta2 + g * g * (1 - Beta2);
            newM.StoreUnsafe(ref m, at);
            newV.StoreUnsafe(ref v, at);
            var update =
                newM * rate / (Vector512.Sqrt(newV * secondCorrection) + Vector512.Create(Epsilon));
            (Vector512.LoadUnsafe(ref value, at) * decay - update).StoreUnsafe(ref value, at);
        }
        for (; i < values.Length; i++)
        {
            var g = gradients[i] * gradientScale;
            first[i] = first[i] * Beta1 + g * (1 - Beta1);
            second[i] = second[i] * Beta2 + g * g * (1 - Beta2);
            values[i] =
                values[i] * decay
                - first[i] * rate / (MathF.Sqrt(second[i] * secondCorrection) + Epsilon);
        }
    }
}
