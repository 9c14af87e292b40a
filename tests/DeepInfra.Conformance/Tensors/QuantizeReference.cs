// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Quantization;

namespace DeepInfra.Conformance.Tensors;

/// <summary>
/// Quantisation from its definition: every step in binary64, rounded to binary32 where the definition has a binary32 result, which
/// gives the same as a binary32 operation.
/// </summary>
internal sealed class QuantizeReference
{
    private const double SmallestAmax = 1e-4f;
    private const ulong QuietNaN = 0x7FC0_0000;

    private readonly QuantizeCase _form;
    private readonly Shape _shape;
    private readonly Shape _blocks;

    /// <summary>Quantises values in row-major order.</summary>
    public QuantizeReference(QuantizeCase form, Shape shape, float[] values)
    {
        _form = form;
        _shape = shape;
        _blocks = form.BlockShape(shape);
        var amax = new double[_blocks.ElementCount];
        Array.Fill(amax, SmallestAmax);
        for (var i = 0; i < values.Length; i++)
        {
            ref var largest = ref amax[BlockOf(i)];
            // NaN wins.
            largest = Math.Max(largest, Math.Abs(values[i]));
        }
        Scales = new float[amax.Length];
        Exponents = new byte[amax.Length];
        var factors = new float[amax.Length];
        for (var b = 0; b < amax.Length; b++)
            (Scales[b], factors[b], Exponents[b]) = ScaleOf(amax[b]);
        Codes = [.. values.Select((v, i) => Encode((float)((double)v * factors[BlockOf(i)])))];
    }

    /// <summary>The scale of each block.</summary>
    public float[] Scales { get; }

    /// <summary>Its exponent code where scales are powers of two.</summary>
    public byte[] Exponents { get; }

    /// <summary>A code per element, FP4 not packed.</summary>
    public ulong[] Codes { get; }

    /// <summary>The codes as they are stored.</summary>
    public ulong[] StoredCodes() =>
        _form.IsFp4 ? [.. Codes.Chunk(2).Select(pair => pair[0] | (pair[1] << 4))] : Codes;

    /// <summary>The scales as they are stored; NaN in one form.</summary>
    public ulong[] StoredScales()
    {
        if (_form.Scales == DType.Float32)
            return
            [
                .. Scales.Select(s =>
                    float.IsNaN(s) ? QuietNaN : BitConverter.SingleToUInt32Bits(s)
                ),
            ];
        if (_form.Scales == DType.Float8E8M0)
            return [.. Exponents.Select(e => (ulong)e)];
        return PackWords();
    }

    /// <summary>The value of each element after both roundings.</summary>
    public float[] Values() =>
        [
            .. Codes.Select(
                (code, i) =>
                {
                    var format = _form.IsFp4 ? FloatFormat.E2M1 : FloatFormat.Of(_form.Codes)!;
                    return (float)(format.ValueOf((int)code) * Scales[BlockOf(i)]);
                }
            ),
        ];

    private (float Scale, float Factor, byte Exponent) ScaleOf(double amax)
    {
        var max = _form.IsFp4 ? FloatFormat.E2M1.Max : FloatFormat.Of(_form.Codes)!.Max;
        var isDivide = _form.IsFp4 || _form.Rule == ScaleRule.Divide;
        var scale = isDivide ? (float)(amax / max) : (float)(amax * (float)(1 / max));
        var factor = isDivide ? (float)(1.0 / scale) : (float)(max / amax);
        if (!_form.IsPowerOfTwo)
            return (scale, factor, 0);
        var bits = BitConverter.SingleToUInt32Bits(scale);
        var exponent = (int)((bits >> 23) & 0xFF) + ((bits & 0x7F_FFFF) != 0 ? 1 : 0);
        exponent = Math.Clamp(exponent, 1, 254);
        scale = (float)Math.Pow(2, exponent - 127);
        return (scale, (float)(1.0 / scale), (byte)exponent);
    }

    private ulong Encode(float value) =>
        !_form.IsFp4 ? FloatFormat.Of(_form.Codes)!.Encode(value)
        : _form.Rounding == Fp4Rounding.NearestEven ? FloatFormat.E2M1.Encode(value)
        : (ulong)FloatFormat.EncodeHalfDown(value);

    // Four exponents to a word, along the last dimension or, for channels, the one before it; missing ones are those of 1.
    private ulong[] PackWords()
    {
        var isChannel = _form.Blocks == QuantizeBlocks.Channel;
        var (rows, columns) = ((int)_blocks[-2], (int)_blocks[-1]);
        var batches = rows * columns == 0 ? 0 : Exponents.Length / (rows * columns);
        var (wordRows, wordColumns) = isChannel
            ? ((rows + 3) / 4, columns)
            : (rows, (columns + 3) / 4);
        List<ulong> words = [];
        for (var b = 0; b < batches; b++)
        for (var r = 0; r < wordRows; r++)
        for (var c = 0; c < wordColumns; c++)
        {
            ulong word = 0;
            for (var j = 0; j < 4; j++)
            {
                var (row, column) = isChannel ? (4 * r + j, c) : (r, 4 * c + j);
                var exponent =
                    row < rows && column < columns
                        ? Exponents[(b * rows + row) * columns + column]
                        : 127;
                word |= (ulong)exponent << (8 * j);
            }
            words.Add(word);
        }
        return [.. words];
    }

    private int BlockOf(int element)
    {
        var (rows, columns) = (_shape[-2], _shape[-1]);
        var column = element % columns;
        var row = element / columns % rows;
        var batch = element / columns / rows;
        return (int)(
            (batch * _blocks[-2] + row / _form.GranM) * _blocks[-1] + column / _form.GranK
        );
    }
}
