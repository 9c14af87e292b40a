// SPDX-License-Identifier: MIT
using System.Runtime.Intrinsics;

namespace EndToEnd.Reference;

/// <summary>
/// Reverse-mode automatic differentiation on float64 matrices: operations are recorded, <see cref="Backward"/>
/// replays their gradients in reverse. Slow and obvious; it judges the hand-written backward passes.
/// </summary>
internal sealed class Tape
{
    private readonly List<Action> _backward = [];

    public static Matrix Leaf(ReadOnlySpan<float> values, int rows, int columns)
    {
        var matrix = new Matrix(rows, columns);
        for (var i = 0; i < values.Length; i++)
            matrix.Value[i] = values[i];
        return matrix;
    }

    public void Backward(Matrix scalar)
    {
        scalar.Gradient[0] = 1;
        for (var i = _backward.Count - 1; i >= 0; i--)
            _backward[i]();
    }

    /// <summary>x [M,K] times the transpose of w [N,K].</summary>
    public Matrix Linear(Matrix x, Matrix w)
    {
        var y = new Matrix(x.Rows, w.Rows);
        for (var m = 0; m < x.Rows; m++)
        for (var n = 0; n < w.Rows; n++)
            y[m, n] = Dot(x.Row(m), w.Row(n));
        _backward.Add(() =>
        {
            for (var m = 0; m < x.Rows; m++)
            for (var n = 0; n < w.Rows; n++)
            {
                var g = y.GradientRow(m)[n];
                if (g == 0)
                    continue;
                AddScaled(x.GradientRow(m), w.Row(n), g);
                AddScaled(w.GradientRow(n), x.Row(m), g);
            }
        });
        return y;
    }

    public Matrix Add(Matrix a, Matrix b)
    {
        var y = new Matrix(a.Rows, a.Columns);
        for (var i = 0; i < y.Value.Length; i++)
            y.Value[i] = a.Value[i] + b.Value[i];
        _backward.Add(() =>
        {
            AddScaled(a.Gradient, y.Gradient, 1);
            AddScaled(b.Gradient, y.Gradient, 1);
        });
        return y;
    }

    /// <summary>Rows of a table by index.</summary>
    public Matrix Gather(Matrix table, int[] rows)
    {
        var y = new Matrix(rows.Length, table.Columns);
        for (var i = 0; i < rows.Length; i++)
            table.Row(rows[i]).CopyTo(y.Row(i));
        _backward.Add(() =>
        {
            for (var i = 0; i < rows.Length; i++)
                AddScaled(table.GradientRow(rows[i]), y.GradientRow(i), 1);
        });
        return y;
    }

    public Matrix Columns(Matrix x, int start, int count)
    {
        var y = new Matrix(x.Rows, count);
        for (var r = 0; r < x.Rows; r++)
            x.Row(r).Slice(start, count).CopyTo(y.Row(r));
        _backward.Add(() =>
        {
            for (var r = 0; r < x.Rows; r++)
                AddScaled(x.GradientRow(r).Slice(start, count), y.GradientRow(r), 1);
        });
        return y;
    }

    public Matrix Concat(params Matrix[] parts)
    {
        var y = new Matrix(parts[0].Rows, parts.Sum(p => p.Columns));
        var start = 0;
        foreach (var part in parts)
        {
            var at = start;
            for (var r = 0; r < y.Rows; r++)
                part.Row(r).CopyTo(y.Row(r)[at..]);
            _backward.Add(() =>
            {
                for (var r = 0; r < y.Rows; r++)
                    AddScaled(part.GradientRow(r), y.GradientRow(r).Slice(at, part.Columns), 1);
            });
            start += part.Columns;
        }
        return y;
    }

    public Matrix RmsNorm(Matrix x, Matrix gain, double epsilon)
    {
        var y = new Matrix(x.Rows, x.Columns);
        var inverse = new double[x.Rows];
        for (var r = 0; r < x.Rows; r++)
        {
            inverse[r] = 1 / Math.Sqrt(Dot(x.Row(r), x.Row(r)) / x.Columns + epsilon);
            for (var i = 0; i < x.Columns; i++)
                y[r, i] = x[r, i] * inverse[r] * gain.Value[i];
        }
        _backward.Add(() =>
        {
            for (var r = 0; r < x.Rows; r++)
            {
                double projection = 0;
                for (var i = 0; i < x.Columns; i++)
                {
                    projection += y.GradientRow(r)[i] * gain.Value[i] * x[r, i];
                    gain.Gradient[i] += y.GradientRow(r)[i] * x[r, i] * inverse[r];
                }
                for (var i = 0; i < x.Columns; i++)
                    x.GradientRow(r)[i] +=
                        y.GradientRow(r)[i] * gain.Value[i] * inverse[r]
                        - x[r, i] * projection * Math.Pow(inverse[r], 3) / x.Columns;
            }
        });
        return y;
    }

    /// <summary>Rotates each row's planes (i, i + n/2) by position * theta^(-2i/n).</summary>
    public Matrix Rotate(Matrix x, int[] positions, double theta)
    {
        var half = x.Columns / 2;
        var y = new Matrix(x.Rows, x.Columns);
        (double Sin, double Cos) Angle(int r, int i) =>
            Math.SinCos(positions[r] * Math.Pow(theta, -(double)i / half));
        for (var r = 0; r < x.Rows; r++)
        for (var i = 0; i < half; i++)
        {
            var (sin, cos) = Angle(r, i);
            y[r, i] = x[r, i] * cos - x[r, i + half] * sin;
            y[r, i + half] = x[r, i] * sin + x[r, i + half] * cos;
        }
        _backward.Add(() =>
        {
            for (var r = 0; r < x.Rows; r++)
            for (var i = 0; i < half; i++)
            {
                var (sin, cos) = Angle(r, i);
                var (a, b) = (y.GradientRow(r)[i], y.GradientRow(r)[i + half]);
                x.GradientRow(r)[i] += a * cos + b * sin;
                x.GradientRow(r)[i + half] += b * cos - a * sin;
            }
        });
        return y;
    }

    /// <summary>Causal softmax attention inside sequences of equal length, one head.</summary>
    public Matrix Attention(Matrix q, Matrix k, Matrix v, int sequenceLength, double scale)
    {
        var y = new Matrix(q.Rows, v.Columns);
        var weights = new double[q.Rows][];
        for (var i = 0; i < q.Rows; i++)
        {
            var first = i / sequenceLength * sequenceLength;
            var p = weights[i] = new double[i - first + 1];
            for (var j = 0; j < p.Length; j++)
                p[j] = scale * Dot(q.Row(i), k.Row(first + j));
            var max = p.Max();
            for (var j = 0; j < p.Length; j++)
                p[j] = Math.Exp(p[j] - max);
            var sum = p.Sum();
            for (var j = 0; j < p.Length; j++)
            {
                p[j] /= sum;
                AddScaled(y.Row(i), v.Row(first + j), p[j]);
            }
        }
        _backward.Add(() =>
        {
            for (var i = 0; i < q.Rows; i++)
            {
                var first = i / sequenceLength * sequenceLength;
                var p = weights[i];
                var g = y.GradientRow(i);
                var mean = Dot(g, y.Row(i));
                for (var j = 0; j < p.Length; j++)
                {
                    var logit = p[j] * (Dot(g, v.Row(first + j)) - mean) * scale;
                    AddScaled(v.GradientRow(first + j), g, p[j]);
                    AddScaled(q.GradientRow(i), k.Row(first + j), logit);
                    AddScaled(k.GradientRow(first + j), q.Row(i), logit);
                }
            }
        });
        return y;
    }

    public Matrix SwiGlu(Matrix gate, Matrix up)
    {
        var y = new Matrix(gate.Rows, gate.Columns);
        static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
        for (var i = 0; i < y.Value.Length; i++)
            y.Value[i] = gate.Value[i] * Sigmoid(gate.Value[i]) * up.Value[i];
        _backward.Add(() =>
        {
            for (var i = 0; i < y.Value.Length; i++)
            {
                var s = Sigmoid(gate.Value[i]);
                gate.Gradient[i] += y.Gradient[i] * up.Value[i] * s * (1 + gate.Value[i] * (1 - s));
                up.Gradient[i] += y.Gradient[i] * gate.Value[i] * s;
            }
        });
        return y;
    }

    /// <summary>Sigmoid scores of the chosen columns, normalised to sum 1 per row.</summary>
    public Matrix GateWeights(Matrix logits, int[][] chosen)
    {
        var count = chosen[0].Length;
        var y = new Matrix(logits.Rows, count);
        var scores = new double[logits.Rows, count];
        var sums = new double[logits.Rows];
        for (var r = 0; r < logits.Rows; r++)
        {
            for (var k = 0; k < count; k++)
                sums[r] += scores[r, k] = 1 / (1 + Math.Exp(-logits[r, chosen[r][k]]));
            for (var k = 0; k < count; k++)
                y[r, k] = scores[r, k] / sums[r];
        }
        _backward.Add(() =>
        {
            for (var r = 0; r < logits.Rows; r++)
            {
                var mean = Dot(y.GradientRow(r), y.Row(r));
                for (var k = 0; k < count; k++)
                {
                    var score = (y.GradientRow(r)[k] - mean) / sums[r];
                    logits.GradientRow(r)[chosen[r][k]] +=
                        score * scores[r, k] * (1 - scores[r, k]);
                }
            }
        });
        return y;
    }

    /// <summary>Adds weight[row, slot] * source[i] to row rows[i] of the target.</summary>
    public void ScatterWeighted(
        Matrix target,
        Matrix source,
        Matrix weight,
        int[] rows,
        int[] slots
    )
    {
        for (var i = 0; i < rows.Length; i++)
            AddScaled(target.Row(rows[i]), source.Row(i), weight[rows[i], slots[i]]);
        _backward.Add(() =>
        {
            for (var i = 0; i < rows.Length; i++)
            {
                var g = target.GradientRow(rows[i]);
                AddScaled(source.GradientRow(i), g, weight[rows[i], slots[i]]);
                weight.GradientRow(rows[i])[slots[i]] += Dot(g, source.Row(i));
            }
        });
    }

    /// <summary>Mean cross-entropy in nats.</summary>
    public Matrix CrossEntropy(Matrix logits, int[] labels)
    {
        var y = new Matrix(1, 1);
        var logSums = new double[logits.Rows];
        for (var r = 0; r < logits.Rows; r++)
        {
            double max = double.NegativeInfinity,
                sum = 0;
            foreach (var logit in logits.Row(r))
                max = Math.Max(max, logit);
            foreach (var logit in logits.Row(r))
                sum += Math.Exp(logit - max);
            logSums[r] = max + Math.Log(sum);
            y.Value[0] += (logSums[r] - logits[r, labels[r]]) / logits.Rows;
        }
        _backward.Add(() =>
        {
            var g = y.Gradient[0] / logits.Rows;
            for (var r = 0; r < logits.Rows; r++)
            for (var c = 0; c < logits.Columns; c++)
                logits.GradientRow(r)[c] +=
                    g * (Math.Exp(logits[r, c] - logSums[r]) - (c == labels[r] ? 1 : 0));
        });
        return y;
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        var sum = Vector512<double>.Zero;
        var i = 0;
        for (; i <= a.Length - Vector512<double>.Count; i += Vector512<double>.Count)
            sum += Vector512.Create(a[i..]) * Vector512.Create(b[i..]);
        var total = Vector512.Sum(sum);
        for (; i < a.Length; i++)
            total += a[i] * b[i];
        return total;
    }

    private static void AddScaled(Span<double> target, ReadOnlySpan<double> source, double factor)
    {
        for (var i = 0; i < target.Length; i++)
            target[i] += factor * source[i];
    }
}
