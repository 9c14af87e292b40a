// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace EndToEnd.Model;

/// <summary>y = x / rms(x) * gain, row by row (Zhang and Sennrich 2019).</summary>
internal sealed class RmsNorm(Parameter gain, float epsilon)
{
    /// <param name="x">[T,D]; a row stride larger than D is fine.</param>
    /// <param name="y">[T,D].</param>
    public void Forward(Tensor<float> x, Tensor<float> y)
    {
        var weight = gain.Value.AsSpan();
        var rows = (int)x.Shape[0];
        for (var t = 0; t < rows; t++)
        {
            var from = x.AsView().Row(t);
            var to = y.AsView().Row(t);
            var inverse = InverseRms(from);
            for (var i = 0; i < to.Length; i++)
                to[i] = from[i] * inverse * weight[i];
        }
    }

    /// <summary>Writes the input gradient (or adds to it) and adds the gain's gradient.</summary>
    public void Backward(
        Tensor<float> x,
        Tensor<float> dy,
        Tensor<float> dx,
        int expertRank,
        bool accumulate
    )
    {
        var weight = gain.Value.AsSpan();
        var gainGradient = gain.Gradient(expertRank).AsSpan();
        var rows = (int)x.Shape[0];
        for (var t = 0; t < rows; t++)
        {
            var from = x.AsView().Row(t);
            var gradient = dy.AsView().Row(t);
            var to = dx.AsView().Row(t);
            var inverse = InverseRms(from);
            var projection = 0f;
            for (var i = 0; i < from.Length; i++)
            {
                var scaled = gradient[i] * from[i];
                projection = MathF.FusedMultiplyAdd(scaled, weight[i], projection);
                gainGradient[i] = MathF.FusedMultiplyAdd(scaled, inverse, gainGradient[i]);
            }
            var correction = projection * inverse * inverse * inverse / from.Length;
            for (var i = 0; i < from.Length; i++)
            {
                var value = gradient[i] * weight[i] * inverse - from[i] * correction;
                to[i] = accumulate ? to[i] + value : value;
            }
        }
    }

    private float InverseRms(ReadOnlySpan<float> row) =>
        1f / MathF.Sqrt(VectorMath.Dot(row, row) / row.Length + epsilon);
}
