// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.FlashMla;
using DeepInfra.Testing;
using FluentAssertions;

namespace DeepInfra.Conformance.FlashMla;

/// <summary>What suites of dense decode share: running a problem on the backend under test, and comparing with the reference.</summary>
public abstract class DecodeConformance
{
    /// <summary>Threads and tier of a CPU backend.</summary>
    protected virtual CpuBackendOptions Cpu => CpuBackendOptions.Default;

    /// <summary>The tolerance for Float32 output.</summary>
    protected virtual Tolerance Tolerance => Tolerances.FlashMla.Cpu;

    /// <summary>The tolerance for log-sum-exp.</summary>
    protected virtual Tolerance LogSumExpTolerance => Tolerances.FlashMla.CpuLogSumExp;

    /// <summary>Skips the test where the backend cannot run.</summary>
    protected virtual void RequireBackend() { }

    /// <summary>False for what the backend refuses; it must then say so.</summary>
    protected virtual bool Supports(DecodeCase problem) => true;

    /// <summary>Decodes tensors of the host on the backend.</summary>
    /// <param name="options">The plan's.</param>
    /// <param name="q">Queries.</param>
    /// <param name="cache">The cache.</param>
    /// <param name="blockTable">The block table.</param>
    /// <param name="cacheSeqlens">The lengths.</param>
    /// <param name="output">Receives the output; null lets the backend allocate.</param>
    /// <returns>The result in host memory.</returns>
    protected virtual AttentionState Decode(
        MlaDecodeOptions options,
        Tensor q,
        KvBlocks cache,
        Tensor<int> blockTable,
        Tensor<int> cacheSeqlens,
        Tensor? output = null
    )
    {
        using var plan = MlaDecodePlan.Create(Device.Cpu, options);
        plan.Update(cacheSeqlens);
        return MlaAttention.Decode(plan, q, cache, blockTable, cacheSeqlens, output);
    }

    /// <summary>Builds, decodes and compares a problem, or checks that it is refused.</summary>
    protected void Check(DecodeCase problem, Tolerance? tolerance = null)
    {
        RequireBackend();
        using (problem)
        {
            problem.Build();
            if (Supports(problem))
                CheckResult(problem, Run(problem), tolerance ?? Tolerance);
            else
                problem.Invoking(p => Run(p)).Should().Throw<NotSupportedException>();
        }
    }

    /// <summary>Decodes a problem.</summary>
    protected AttentionState Run(DecodeCase problem, CpuBackendOptions? cpu = null) =>
        Decode(
            problem.Options(cpu ?? Cpu),
            problem.Query,
            problem.Cache,
            problem.BlockTable,
            problem.CacheSeqlens,
            problem.Output()
        );

    /// <summary>Compares a result with the reference.</summary>
    protected void CheckResult(
        DecodeCase problem,
        AttentionState state,
        Tolerance tolerance,
        bool fresh = false
    )
    {
        var (output, lse) = problem.Reference(fresh);
        MlaCompare.Check(state.Out, output, tolerance, "out");
        MlaCompare.Check(state.LogSumExp, lse, LogSumExpTolerance, "lse");
    }
}
