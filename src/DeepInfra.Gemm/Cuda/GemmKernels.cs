// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Core.Jit;
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm.Cuda;

/// <summary>What a BFloat16 kernel is compiled for.</summary>
internal readonly record struct Bf16Variant(
    string Architecture,
    int BlockN,
    bool KMajorA,
    bool KMajorB
);

/// <summary>What an FP8 kernel is compiled for.</summary>
/// <param name="Architecture">The target.</param>
/// <param name="KindA">An FP8 or FP4 kind.</param>
/// <param name="KindB">The same.</param>
/// <param name="KMajorA">True if K is contiguous.</param>
/// <param name="KMajorB">The same.</param>
/// <param name="ScaleStep">Elements of K per promotion: 32, 64 or 128.</param>
internal readonly record struct Fp8Variant(
    string Architecture,
    ElementKind KindA,
    ElementKind KindB,
    bool KMajorA,
    bool KMajorB,
    int ScaleStep
);

/// <summary>Makes specifications from the kernel sources in this assembly and keeps them.</summary>
internal static class GemmKernels
{
    private static readonly Lazy<KernelHeaders> s_headers = new(() =>
        KernelHeaders.FromResources(typeof(GemmKernels).Assembly, "kernels/")
    );

    private static readonly ConcurrentDictionary<Bf16Variant, KernelSpec> s_bf16 = new();
    private static readonly ConcurrentDictionary<Fp8Variant, KernelSpec> s_fp8 = new();

    public static KernelSpec Of(in Bf16Variant variant) =>
        s_bf16.TryGetValue(variant, out var spec)
            ? spec
            : s_bf16.GetOrAdd(
                variant,
                static v =>
                    Make(
                        "sm90_bf16_gemm",
                        v.Architecture,
                        $"Bf16GemmConfig<{v.BlockN}, {Text(v.KMajorA)}, {Text(v.KMajorB)}>",
                        // wgmma exists on sm_90a alone.
                        isPortable: false
                    )
            );

    public static KernelSpec Of(in Fp8Variant variant) =>
        s_fp8.TryGetValue(variant, out var spec)
            ? spec
            : s_fp8.GetOrAdd(
                variant,
                static v =>
                    Make(
                        "sm89_fp8_gemm",
                        v.Architecture,
                        $"Fp8GemmConfig<{Text(v.KindA)}, {Text(v.KindB)}, {Text(v.KMajorA)}, {Text(v.KMajorB)}, {v.ScaleStep}>",
                        isPortable: true
                    )
            );

    private static KernelSpec Make(
        string name,
        string architecture,
        string config,
        bool isPortable
    ) =>
        new(
            name,
            $"""
            #include "gemm/jit/impls/{name}.cuh"
            using namespace di::gemm;

            """,
            architecture
        )
        {
            Headers = s_headers.Value,
            EntryExpression = $"di::gemm::{name}<{config}>",
            Description = config,
            IsPortable = isPortable,
        };

    private static string Text(bool value) => value ? "true" : "false";

    private static string Text(ElementKind kind) =>
        kind switch
        {
            ElementKind.Float4E2M1 => "CodeKind::kE2M1",
            ElementKind.Float8E5M2 => "CodeKind::kE5M2",
            _ => "CodeKind::kE4M3",
        };
}
