// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.FlashMla;
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla.Tests.Conformance;

public sealed class DenseDecodeReferenceTierTests : DenseDecodeConformance
{
    protected override CpuBackendOptions Cpu => Tiers.Reference;
}

public sealed class DenseDecodeV128Tests : DenseDecodeConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V128;
}

public sealed class DenseDecodeV256Tests : DenseDecodeConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V256;
}

public sealed class DenseDecodeV512Tests : DenseDecodeConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V512;
}

public sealed class DenseDecodeMatrixReferenceTierTests : DenseDecodeMatrixConformance
{
    protected override CpuBackendOptions Cpu => Tiers.Reference;
}

public sealed class DenseDecodeMatrixV128Tests : DenseDecodeMatrixConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V128;
}

public sealed class DenseDecodeMatrixV256Tests : DenseDecodeMatrixConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V256;
}

public sealed class DenseDecodeMatrixV512Tests : DenseDecodeMatrixConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V512;
}

public sealed class DensePrefillReferenceTierTests : DensePrefillConformance
{
    protected override CpuBackendOptions Cpu => Tiers.Reference;
}

public sealed class DensePrefillV128Tests : DensePrefillConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V128;
}

public sealed class DensePrefillV256Tests : DensePrefillConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V256;
}

public sealed class DensePrefillV512Tests : DensePrefillConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V512;
}

public sealed class SparseReferenceTierTests : SparseConformance
{
    protected override CpuBackendOptions Cpu => Tiers.Reference;
}

public sealed class SparseV128Tests : SparseConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V128;
}

public sealed class SparseV256Tests : SparseConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V256;
}

public sealed class SparseV512Tests : SparseConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V512;
}

public sealed class DecodeEdgeReferenceTierTests : DecodeEdgeConformance
{
    protected override CpuBackendOptions Cpu => Tiers.Reference;
}

public sealed class DecodeEdgeV128Tests : DecodeEdgeConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V128;
}

public sealed class DecodeEdgeV256Tests : DecodeEdgeConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V256;
}

public sealed class DecodeEdgeV512Tests : DecodeEdgeConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V512;
}

public sealed class PrefillEdgeReferenceTierTests : PrefillEdgeConformance
{
    protected override CpuBackendOptions Cpu => Tiers.Reference;
}

public sealed class PrefillEdgeV128Tests : PrefillEdgeConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V128;
}

public sealed class PrefillEdgeV256Tests : PrefillEdgeConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V256;
}

public sealed class PrefillEdgeV512Tests : PrefillEdgeConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V512;
}

public sealed class SparseEdgeReferenceTierTests : SparseEdgeConformance
{
    protected override CpuBackendOptions Cpu => Tiers.Reference;
}

public sealed class SparseEdgeV128Tests : SparseEdgeConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V128;
}

public sealed class SparseEdgeV256Tests : SparseEdgeConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V256;
}

public sealed class SparseEdgeV512Tests : SparseEdgeConformance
{
    protected override CpuBackendOptions Cpu => Tiers.V512;
}

internal static class Tiers
{
    public static CpuBackendOptions Reference { get; } = new() { MaxIsa = SimdTier.Reference };
    public static CpuBackendOptions V128 { get; } = new() { MaxIsa = SimdTier.V128 };
    public static CpuBackendOptions V256 { get; } = new() { MaxIsa = SimdTier.V256 };
    public static CpuBackendOptions V512 { get; } = new() { MaxIsa = SimdTier.V512 };
}
