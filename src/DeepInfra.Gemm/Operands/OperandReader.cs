// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using DeepInfra.Core;

namespace DeepInfra.Gemm.Operands;

/// <summary>Checks tensors and turns them into operands; the rules are those that the CUDA kernels have as well.</summary>
internal static unsafe class OperandReader
{
    /// <summary>Every row of A, B, C and D starts at a multiple of this: a transfer unit of the tensor memory accelerator.</summary>
    private const int AlignmentBytes = 16;

    /// <summary>Rounding up to a tile must not overflow.</summary>
    private const int MaxExtent = int.MaxValue - 1024;

    /// <summary>Reads A or B.</summary>
    /// <param name="tensor">The data.</param>
    /// <param name="kind">The element kind that the operation expects.</param>
    /// <param name="transposed">True if K comes before M or N in the shape.</param>
    /// <param name="rank">2, or 3 with a leading group dimension.</param>
    /// <param name="name">Argument name.</param>
    /// <param name="device">Where the tensor must lie.</param>
    public static MatrixOperand ReadMatrix(
        Tensor tensor,
        ElementKind kind,
        bool transposed,
        int rank,
        string name,
        Device device = default
    )
    {
        Require(tensor, name);
        RequireType(tensor, TypeOf(kind), name);
        RequireRank(tensor, rank, transposed ? "K, rows" : "rows, K", name);
        var (mnDimension, kDimension) = transposed ? (-1, -2) : (-2, -1);
        long mn = tensor.Shape[mnDimension],
            k = tensor.Shape[kDimension],
            mnStride = tensor.Strides[mnDimension],
            kStride = tensor.Strides[kDimension];
        var kMajor =
            IsUnit(kStride, k) && (IsAligned(tensor, mnStride, mn) || !IsUnit(mnStride, mn));
        if (!kMajor && !IsUnit(mnStride, mn) && tensor.ElementCount > 0)
            throw Errors.Argument(
                name,
                $"{name}: expected stride 1 in one of the last two dimensions, got shape {tensor.Shape} with strides {tensor.Strides}"
            );
        RequireAligned(tensor, kMajor ? mnStride : kStride, kMajor ? mn : k, name);
        RequireCompactGroups(tensor, rank, name);
        var packing = kind == ElementKind.Float4E2M1 ? 2 : 1;
        return new MatrixOperand
        {
            Data = Pointer(tensor, name, device),
            Kind = kind,
            KMajor = kMajor,
            Groups = rank == 3 ? Extent(tensor.Shape[0], name) : 1,
            Mn = Extent(kMajor ? mn : mn * packing, name),
            K = Extent(kMajor ? k * packing : k, name),
            Leading = (kMajor ? mnStride : kStride) * packing,
            GroupStride = rank == 3 ? tensor.Strides[0] * packing : 0,
        };
    }

    /// <summary>Reads the flat data of K-major groups, [rows, K of the group] one after the other.</summary>
    public static MatrixOperand ReadFlat(
        Tensor tensor,
        ElementKind kind,
        int mn,
        KRanges ranges,
        string name
    )
    {
        Require(tensor, name);
        RequireType(tensor, TypeOf(kind), name);
        var length = (long)mn * ranges.End;
        if (tensor.Rank != 1 || tensor.Shape[0] != length || !tensor.IsContiguous)
            throw Errors.Argument(
                name,
                $"{name}: expected [{mn} rows x K {ranges.End} of all groups = {length}] contiguous, got {tensor.Shape} with strides {tensor.Strides}"
            );
        for (var group = 0; group < ranges.Count; group++)
            RequireAligned(tensor, ranges[group].Length, long.MaxValue, name);
        return new MatrixOperand
        {
            Data = Pointer(tensor, name),
            Kind = kind,
            KMajor = true,
            IsFlat = true,
            Groups = 1,
            Mn = mn,
            K = ranges.End,
        };
    }

    /// <summary>Reads scale factors.</summary>
    /// <param name="tensor">Float32, Float8E8M0 or packed Int32.</param>
    /// <param name="recipe">Elements per scale.</param>
    /// <param name="mn">Rows of the data.</param>
    /// <param name="kBlocks">Scale blocks along K.</param>
    /// <param name="packedBlocks">Words along K if packed.</param>
    /// <param name="groups">Groups, or null without a group dimension.</param>
    /// <param name="transposed">True if K comes first in the shape.</param>
    /// <param name="name">Argument name.</param>
    /// <param name="device">Where the tensor must lie.</param>
    public static ScaleOperand ReadScales(
        Tensor tensor,
        OperandRecipe recipe,
        long mn,
        long kBlocks,
        long packedBlocks,
        int? groups,
        bool transposed,
        string name,
        Device device = default
    )
    {
        Require(tensor, name);
        if (tensor.DType is not (DType.Float32 or DType.Int32 or DType.Float8E8M0))
            throw Errors.Argument(
                name,
                $"{name}: expected scales in Float32, Float8E8M0 or packed Int32, got {tensor.DType}"
            );
        var packed = tensor.DType == DType.Int32;
        var rows = DivideUp(mn, recipe.GranMn);
        var columns = packed ? packedBlocks : kBlocks;
        var grouped = groups is null ? 0 : 1;
        var (mnDimension, kDimension) = transposed ? (-1, -2) : (-2, -1);
        if (
            tensor.Rank != 2 + grouped
            || tensor.Shape[mnDimension] != rows
            || tensor.Shape[kDimension] != columns
            || (grouped == 1 && tensor.Shape[0] != groups)
        )
        {
            var lead = grouped == 1 ? $"{groups}," : "";
            var shape = transposed ? $"[{lead}{columns},{rows}]" : $"[{lead}{rows},{columns}]";
            throw Errors.Argument(
                name,
                $"{name}: expected scales {shape} for {recipe.GranMn}x{recipe.GranK} blocks, got {tensor.Shape}"
            );
        }
        return new ScaleOperand
        {
            Data = Pointer(tensor, name, device),
            GroupStride = grouped == 1 ? tensor.Strides[0] : 0,
            Source = new ScaleSource
            {
                Kind = tensor.DType switch
                {
                    DType.Float32 => ScaleKind.Float32,
                    DType.Int32 => ScaleKind.PackedUe8m0,
                    _ => ScaleKind.Ue8m0,
                },
                GranMn = recipe.GranMn,
                GranK = recipe.GranK,
                StrideMn = tensor.Strides[mnDimension],
                StrideK = tensor.Strides[kDimension],
            },
        };
    }

    /// <summary>Reads D.</summary>
    public static OutputOperand ReadOutput(
        Tensor tensor,
        int rank,
        string name,
        Device device = default
    )
    {
        Require(tensor, name);
        if (tensor.DType is not (DType.Float32 or DType.BFloat16))
            throw Errors.Argument(
                name,
                $"{name}: expected BFloat16 or Float32, got {tensor.DType}"
            );
        RequireRank(tensor, rank, "M, N", name);
        if (!IsUnit(tensor.Strides[-1], tensor.Shape[-1]) && tensor.ElementCount > 0)
            throw Errors.Argument(
                name,
                $"{name}: expected N contiguous, got shape {tensor.Shape} with strides {tensor.Strides}"
            );
        RequireAligned(tensor, tensor.Strides[-2], tensor.Shape[-2], name);
        if (MemoryOverlap.WithinItself(tensor))
            throw Errors.Argument(
                name,
                $"{name}: expected strides that give every element its own address, got shape {tensor.Shape} with strides {tensor.Strides}"
            );
        RequireCompactGroups(tensor, rank, name);
        return new OutputOperand
        {
            Data = Pointer(tensor, name, device),
            Type = tensor.DType,
            Groups = rank == 3 ? Extent(tensor.Shape[0], name) : 1,
            M = Extent(tensor.Shape[-2], name),
            N = Extent(tensor.Shape[-1], name),
            Leading = tensor.Strides[-2],
            GroupStride = rank == 3 ? tensor.Strides[0] : 0,
        };
    }

    /// <summary>Reads an optional C that must match D.</summary>
    public static OutputOperand ReadAccumulate(Tensor? tensor, Tensor d, Device device = default)
    {
        const string Name = nameof(GemmCall.Accumulate);
        if (tensor is null)
            return default;
        Require(tensor, Name);
        RequireType(tensor, d.DType, Name);
        if (tensor.Shape != d.Shape)
            throw Errors.Argument(
                Name,
                $"{Name}: expected the shape of D, {d.Shape}, got {tensor.Shape}"
            );
        var operand = ReadOutput(tensor, d.Rank, Name, device);
        if (
            MemoryOverlap.Possible(tensor, d)
            && (tensor.DataPointer != d.DataPointer || tensor.Strides != d.Strides)
        )
            throw Errors.Argument(
                Name,
                $"{Name}: a C that shares memory with D must be D itself (strides {d.Strides}), got strides {tensor.Strides}"
            );
        return operand;
    }

    /// <summary>Reads an optional bias; null if there is none.</summary>
    public static byte* ReadBias(Tensor? tensor, int n, out DType type, Device device = default)
    {
        const string Name = nameof(GemmCall.Bias);
        type = DType.Float32;
        if (tensor is null)
            return null;
        Require(tensor, Name);
        if (tensor.DType is not (DType.Float32 or DType.BFloat16))
            throw Errors.Argument(
                Name,
                $"{Name}: expected Float32 or BFloat16, got {tensor.DType}"
            );
        if (tensor.Rank != 1 || tensor.Shape[0] != n || !tensor.IsContiguous)
            throw Errors.Argument(
                Name,
                $"{Name}: expected [{n}] contiguous, got {tensor.Shape} with strides {tensor.Strides}"
            );
        type = tensor.DType;
        return Pointer(tensor, Name, device);
    }

    /// <summary>Reads a contiguous vector of 32-bit integers.</summary>
    public static ReadOnlySpan<int> ReadIntegers(Tensor tensor, long length, string name)
    {
        Require(tensor, name);
        RequireType(tensor, DType.Int32, name);
        if (tensor.Rank != 1 || tensor.Shape[0] != length || !tensor.IsContiguous)
            throw Errors.Argument(
                name,
                $"{name}: expected [{length}] contiguous, got {tensor.Shape} with strides {tensor.Strides}"
            );
        return new ReadOnlySpan<int>(Pointer(tensor, name), Extent(length, name));
    }

    /// <summary>What is written must share no memory with what is read.</summary>
    /// <param name="d">The result.</param>
    /// <param name="input">An operand, or null.</param>
    /// <param name="inputName">Its name.</param>
    public static void RequireSeparate(Tensor d, Tensor? input, string inputName)
    {
        if (input is not null && MemoryOverlap.Possible(d, input))
            throw Errors.Argument(
                nameof(d),
                $"d: expected memory of its own, got memory shared with {inputName}"
            );
    }

    public static long DivideUp(long value, long divisor) => (value + divisor - 1) / divisor;

    /// <summary>Extents are 32-bit numbers in the kernels, as in those of GPUs; the elements of a tensor may be more.</summary>
    private static int Extent(long value, string name) =>
        value <= MaxExtent
            ? (int)value
            : throw Errors.Argument(
                name,
                $"{name}: expected extents of at most {MaxExtent}, got {value}"
            );

    private static DType TypeOf(ElementKind kind) =>
        kind switch
        {
            ElementKind.BFloat16 => DType.BFloat16,
            ElementKind.Float4E2M1 => DType.UInt8,
            ElementKind.Float8E5M2 => DType.Float8E5M2,
            _ => DType.Float8E4M3,
        };

    private static void Require([NotNull] Tensor? tensor, string name)
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        ObjectDisposedException.ThrowIf(tensor.IsDisposed, tensor);
    }

    private static void RequireType(Tensor tensor, DType expected, string name)
    {
        if (tensor.DType != expected)
            throw Errors.Argument(name, $"{name}: expected {expected}, got {tensor.DType}");
    }

    private static void RequireRank(Tensor tensor, int rank, string dimensions, string name)
    {
        if (tensor.Rank != rank)
            throw Errors.Argument(
                name,
                $"{name}: expected [{(rank == 3 ? "groups, " : "")}{dimensions}], got {tensor.Shape}"
            );
    }

    private static void RequireAligned(Tensor tensor, long stride, long extent, string name)
    {
        if (tensor.ElementCount == 0)
            return;
        if (!IsAligned(tensor, stride, extent))
            throw Errors.Argument(
                name,
                $"{name}: expected rows that start at multiples of {AlignmentBytes} bytes, got a stride of {stride} {tensor.DType} elements"
            );
        if ((nuint)tensor.DataPointer % AlignmentBytes != 0)
            throw Errors.Argument(
                name,
                $"{name}: expected an address that is a multiple of {AlignmentBytes}, got 0x{(nuint)tensor.DataPointer:X}"
            );
    }

    private static void RequireCompactGroups(Tensor tensor, int rank, string name)
    {
        if (
            rank == 3
            && tensor.Shape[0] > 1
            && tensor.ElementCount > 0
            && tensor.Strides[0] != tensor.Shape[1] * tensor.Shape[2]
        )
            throw Errors.Argument(
                name,
                $"{name}: expected groups {tensor.Shape[1] * tensor.Shape[2]} elements apart, got {tensor.Strides[0]}"
            );
    }

    private static bool IsUnit(long stride, long extent) => stride == 1 || extent == 1;

    private static bool IsAligned(Tensor tensor, long stride, long extent) =>
        extent <= 1 || stride * DTypes.SizeInBytes(tensor.DType) % AlignmentBytes == 0;

    private static byte* Pointer(Tensor tensor, string name, Device device = default)
    {
        if (tensor.Device == device)
            return (byte*)tensor.DataPointer;
        if (device.IsCpu)
            throw new NotSupportedException(
                $"{name}: expected a tensor on the CPU, got one on {tensor.Device}; dense multiplications on a GPU take GemmContext.ForDevice, others run on the CPU only"
            );
        throw Errors.Argument(
            name,
            $"{name}: expected a tensor on {device}, got one on {tensor.Device}"
        );
    }
}
