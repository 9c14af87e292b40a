// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace DeepInfra.Core.Cuda;

/// <summary>
/// The rules of tiled tensor maps, from NVIDIA's description of <c>cuTensorMapEncodeTiled</c>: the driver answers a broken one
/// with a bare "invalid value". That strides grow from dimension to dimension is stated there too, but neither driver nor
/// hardware need it, and permuted views depend on it.
/// </summary>
internal static class TensorMapRules
{
    private const long MaxExtent = 1L << 32;
    private const long MaxStride = 1L << 40;
    private const int MaxBox = 256;
    private const int MaxStep = 8;

    public static void Check(ulong address, in TensorMapLayout layout)
    {
        var bits = BitsOf(layout.ElementType);
        if (bits == 0)
            Throw(
                nameof(layout.ElementType),
                "a defined element type",
                $"{(int)layout.ElementType}"
            );
        if (!Enum.IsDefined(layout.Interleave))
            Throw(nameof(layout.Interleave), "a defined value", $"{(int)layout.Interleave}");
        if (!Enum.IsDefined(layout.Swizzle))
            Throw(nameof(layout.Swizzle), "a defined value", $"{(int)layout.Swizzle}");
        if (!Enum.IsDefined(layout.L2Promotion))
            Throw(nameof(layout.L2Promotion), "a defined value", $"{(int)layout.L2Promotion}");
        if (!Enum.IsDefined(layout.Fill))
            Throw(nameof(layout.Fill), "a defined value", $"{(int)layout.Fill}");

        CheckRank(layout);
        var padded =
            layout.ElementType
            is TensorMapElementType.UInt4Padded
                or TensorMapElementType.UInt6Padded;
        var interleaved = layout.Interleave != TensorMapInterleave.None;
        var alignment = padded || layout.Interleave == TensorMapInterleave.Bytes32 ? 32 : 16;
        if (address == 0 || address % (ulong)alignment != 0)
            Throw("address", $"a multiple of {alignment}", $"0x{address:x}");
        CheckExtents(layout, padded);
        for (var i = 0; i < layout.StrideBytes.Length; i++)
            if (
                layout.StrideBytes[i] < 0
                || layout.StrideBytes[i] >= MaxStride
                || layout.StrideBytes[i] % alignment != 0
            )
                Throw(
                    $"StrideBytes[{i}]",
                    $"a multiple of {alignment} in [0,2^40)",
                    $"{layout.StrideBytes[i]}"
                );
        CheckBox(layout, bits, padded, interleaved);

        if (
            layout.Interleave == TensorMapInterleave.Bytes32
            && layout.Swizzle != TensorMapSwizzle.Bytes32
        )
            Throw(
                nameof(layout.Swizzle),
                "Bytes32 with an interleave of 32 bytes",
                $"{layout.Swizzle}"
            );
        if (layout.Fill == TensorMapFill.NanRequestZeroFma && !IsFloat(layout.ElementType))
            Throw(
                nameof(layout.Fill),
                "Zero for a type that is not floating-point",
                $"{layout.Fill}"
            );
    }

    private static void CheckRank(in TensorMapLayout layout)
    {
        var rank = layout.Rank;
        if (rank is < 1 or > TensorMapLayout.MaxRank)
            Throw(nameof(layout.Extents), "1 to 5 dimensions", $"{rank}");
        if (layout.Interleave != TensorMapInterleave.None && rank < 3)
            Throw(nameof(layout.Extents), "at least 3 dimensions with an interleave", $"{rank}");
        if (layout.StrideBytes.Length != rank - 1)
            Throw(nameof(layout.StrideBytes), $"{rank - 1} values", $"{layout.StrideBytes.Length}");
        if (layout.Box.Length != rank)
            Throw(nameof(layout.Box), $"{rank} values", $"{layout.Box.Length}");
        if (!layout.ElementSteps.IsEmpty && layout.ElementSteps.Length != rank)
            Throw(
                nameof(layout.ElementSteps),
                $"{rank} values or none",
                $"{layout.ElementSteps.Length}"
            );
    }

    private static void CheckExtents(in TensorMapLayout layout, bool padded)
    {
        for (var i = 0; i < layout.Rank; i++)
            if (layout.Extents[i] is < 1 or > MaxExtent)
                Throw($"Extents[{i}]", "a value in [1,2^32]", $"{layout.Extents[i]}");
        if (padded && layout.Extents[0] % 128 != 0)
            Throw("Extents[0]", "a multiple of 128 for padded types", $"{layout.Extents[0]}");
        if (layout.ElementType == TensorMapElementType.UInt4Packed && layout.Extents[0] % 2 != 0)
            Throw("Extents[0]", "an even value for 4-bit elements", $"{layout.Extents[0]}");
    }

    private static void CheckBox(in TensorMapLayout layout, int bits, bool padded, bool interleaved)
    {
        for (var i = 0; i < layout.Rank; i++)
        {
            if (layout.Box[i] is < 1 or > MaxBox)
                Throw($"Box[{i}]", $"a value in [1,{MaxBox}]", $"{layout.Box[i]}");
            if (!layout.ElementSteps.IsEmpty && layout.ElementSteps[i] is < 1 or > MaxStep)
                Throw(
                    $"ElementSteps[{i}]",
                    $"a value in [1,{MaxStep}]",
                    $"{layout.ElementSteps[i]}"
                );
        }
        if (padded)
        {
            if (layout.Box[0] != 128)
                Throw("Box[0]", "128 for padded types", $"{layout.Box[0]}");
            return;
        }
        if (interleaved)
            return;
        var rowBits = (long)layout.Box[0] * bits;
        if (rowBits % 128 != 0)
            Throw(
                "Box[0]",
                "rows of a multiple of 16 bytes",
                $"{layout.Box[0]} elements of {bits} bits"
            );
        var limit = layout.Swizzle switch
        {
            TensorMapSwizzle.Bytes32 => 32,
            TensorMapSwizzle.Bytes64 => 64,
            TensorMapSwizzle.Bytes128 => 128,
            _ => int.MaxValue,
        };
        if (rowBits / 8 > limit)
            Throw(
                "Box[0]",
                $"rows of at most {limit} bytes with swizzle {layout.Swizzle}",
                $"{rowBits / 8} bytes"
            );
    }

    private static int BitsOf(TensorMapElementType type) =>
        type switch
        {
            TensorMapElementType.UInt8 => 8,
            TensorMapElementType.UInt16
            or TensorMapElementType.Float16
            or TensorMapElementType.BFloat16 => 16,
            TensorMapElementType.UInt64
            or TensorMapElementType.Int64
            or TensorMapElementType.Float64 => 64,
            TensorMapElementType.UInt4Packed or TensorMapElementType.UInt4Padded => 4,
            TensorMapElementType.UInt6Padded => 6,
            >= TensorMapElementType.UInt32 and <= TensorMapElementType.TFloat32Ftz => 32,
            _ => 0,
        };

    private static bool IsFloat(TensorMapElementType type) =>
        type is >= TensorMapElementType.Float16 and <= TensorMapElementType.TFloat32Ftz;

    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Throw(string what, string expected, string actual) =>
        throw new ArgumentException(
            $"{what}: expected {expected}, got {actual}",
            what == "address" ? "address" : "layout"
        );
}
