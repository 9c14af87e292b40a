// SPDX-License-Identifier: MIT
namespace EndToEnd.Model;

/// <summary>
/// Rotary position embedding (Su et al. 2021): dimension i and i + n/2 of a row form a plane that is turned by
/// position * base^(-2i/n).
/// </summary>
internal sealed class RotaryEmbedding
{
    private readonly float[] _cos;
    private readonly float[] _sin;
    private readonly int _half;

    public RotaryEmbedding(int dimension, int positions, float theta)
    {
        _half = dimension / 2;
        _cos = new float[positions * _half];
        _sin = new float[positions * _half];
        for (var position = 0; position < positions; position++)
        for (var i = 0; i < _half; i++)
        {
            var (sin, cos) = Math.SinCos(position * Math.Pow(theta, -2.0 * i / dimension));
            _cos[position * _half + i] = (float)cos;
            _sin[position * _half + i] = (float)sin;
        }
    }

    public void Rotate(Span<float> row, int position) => Turn(row, position, 1);

    /// <summary>The inverse rotation, which is also the gradient of <see cref="Rotate"/>.</summary>
    public void RotateBack(Span<float> row, int position) => Turn(row, position, -1);

    private void Turn(Span<float> row, int position, float direction)
    {
        var cos = _cos.AsSpan(position * _half, _half);
        var sin = _sin.AsSpan(position * _half, _half);
        for (var i = 0; i < _half; i++)
        {
            var (a, b, s) = (row[i], row[i + _half], direction * sin[i]);
            row[i] = a * cos[i] - b * s;
            row[i + _half] = a * s + b * cos[i];
        }
    }
}
