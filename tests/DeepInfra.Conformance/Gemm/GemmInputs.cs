// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Conformance.Gemm;

/// <summary>
/// Random operands. Every matrix lies in a larger allocation with padded rows, whose padding holds NaN: reading
/// outside the operand shows in the result.
/// </summary>
public sealed class GemmInputs(int seed)
{
    private readonly Random _random = new(seed);

    /// <summary>A standard normal number.</summary>
    public double Normal() =>
        Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble()))
        * Math.Cos(2 * Math.PI * _random.NextDouble());

    /// <summary>A number in [low, high).</summary>
    public int Next(int low, int high) => _random.Next(low, high);

    /// <summary>E4M3 codes of shape [first, second].</summary>
    /// <param name="first">First extent.</param>
    /// <param name="second">Second extent.</param>
    /// <param name="secondContiguous">Which dimension has stride 1.</param>
    public Tensor<Float8E4M3> Fp8(long first, long second, bool secondContiguous = true) =>
        Matrix(
            first,
            second,
            secondContiguous,
            16,
            Float8E4M3.FromBits(0x7F),
            () => Float8E4M3.FromSingle((float)(Normal() * 60))
        );

    /// <summary>E5M2 codes of shape [first, second].</summary>
    public Tensor<Float8E5M2> Fp8Wide(long first, long second, bool secondContiguous = true) =>
        Matrix(
            first,
            second,
            secondContiguous,
            16,
            Float8E5M2.FromBits(0x7F),
            () => Float8E5M2.FromSingle((float)(Normal() * 60))
        );

    /// <summary>Standard normal numbers.</summary>
    public Tensor<float> Normals(params ReadOnlySpan<long> extents)
    {
        var values = Tensor<float>.Create(new Shape(extents));
        foreach (ref var value in values.AsSpan())
            value = (float)Normal();
        return values;
    }

    /// <summary>BFloat16 values of shape [first, second].</summary>
    public Tensor<BFloat16> BFloat16s(long first, long second, bool secondContiguous = true) =>
        Matrix(
            first,
            second,
            secondContiguous,
            8,
            BFloat16.FromBits(0x7FC0),
            () => (BFloat16)(float)Normal()
        );

    /// <summary>Packed FP4 codes; extents in elements, the contiguous one even.</summary>
    public Tensor<byte> Fp4(long first, long second, bool secondContiguous = true) =>
        secondContiguous
            ? Matrix(first, second / 2, true, 16, (byte)0x77, () => (byte)_random.Next(256))
            : Matrix(first / 2, second, false, 16, (byte)0x77, () => (byte)_random.Next(256));

    /// <summary>Scales of shape [first, second] between 1/64 and 1.</summary>
    public Tensor<float> Scales(long first, long second)
    {
        var scales = Tensor<float>.Create([first, second]);
        foreach (ref var scale in scales.AsSpan())
            scale = (1 + _random.Next(64)) / 64f;
        return scales;
    }

    /// <summary>Power-of-two scales of shape [first, second], one byte each.</summary>
    public Tensor<Float8E8M0> ByteScales(long first, long second)
    {
        var scales = Tensor<Float8E8M0>.Create([first, second]);
        foreach (ref var scale in scales.AsSpan())
            scale = Float8E8M0.FromBits((byte)_random.Next(121, 130));
        return scales;
    }

    /// <summary>Packed scales of shape [first, second] in words: exponents from 2^-6 to 2^2.</summary>
    public Tensor<int> PackedScales(long first, long second)
    {
        var scales = Tensor<int>.Create([first, second]);
        foreach (ref var word in scales.AsSpan())
            for (var i = 0; i < 4; i++)
                word = word << 8 | _random.Next(121, 130);
        return scales;
    }

    /// <summary>An output or C with padded rows, filled with random values.</summary>
    public Tensor Output(DType type, params ReadOnlySpan<long> extents)
    {
        var shape = new Shape(extents);
        // Groups must be compact, so only plain matrices get padding.
        var padded = shape.Rank == 2 ? shape.With(-1, (shape[-1] + 15) / 8 * 8) : shape;
        if (type == DType.Float32)
        {
            var values = Tensor<float>.Create(padded);
            foreach (ref var value in values.AsSpan())
                value = (float)(Normal() * 32);
            return values.AsSlice(-1, 0, shape[-1]);
        }
        var rounded = Tensor<BFloat16>.Create(padded);
        foreach (ref var value in rounded.AsSpan())
            value = (BFloat16)(float)(Normal() * 32);
        return rounded.AsSlice(-1, 0, shape[-1]);
    }

    private static Tensor<T> Matrix<T>(
        long first,
        long second,
        bool secondContiguous,
        int alignment,
        T padding,
        Func<T> next
    )
        where T : unmanaged
    {
        var (rows, columns) = secondContiguous ? (first, second) : (second, first);
        var stride = (columns / alignment + 2) * alignment;
        var storage = Tensor<T>.Create([rows, stride]);
        storage.Fill(padding);
        var matrix = storage.AsSlice(1, 0, columns);
        var view = matrix.AsView();
        for (long row = 0; row < rows; row++)
            foreach (ref var element in view.Row(row))
                element = next();
        return secondContiguous ? matrix : matrix.AsTransposed();
    }
}
