// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.FlashMla.Cpu;

namespace DeepInfra.FlashMla;

/// <summary>
/// Merges attention results over disjoint sets of keys into the result over their union: with M = max lse and weights
/// exp(lse - M), out = Σ w·out / Σ w and lse = M + ln Σ w. Rows whose log-sum-exp is either infinity are empty and count
/// for nothing; a row that is empty everywhere becomes 0 with log-sum-exp +infinity. NaN propagates. Thread-safe.
/// </summary>
/// <remarks>Weights are computed in float64, rows summed in float32 in the order of the arguments.</remarks>
public static class AttentionStates
{
    /// <summary>Merges two states into a new one with the type and the base of the first.</summary>
    /// <param name="first">A state; <c>Out</c> is <c>[b,s,h,Dv]</c> with log-sum-exp <c>[b,h,s]</c>, or <c>[T,h,Dv]</c> with <c>[T,h]</c>.</param>
    /// <param name="second">A state of the same shape; its base may differ.</param>
    /// <exception cref="ArgumentException">Shapes or types do not fit.</exception>
    /// <exception cref="NotSupportedException">CUDA tensors.</exception>
    public static AttentionState Merge(AttentionState first, AttentionState second) =>
        MergeMany([first, second]);

    /// <summary>Merges any number of states into a new one with the type and the base of the first.</summary>
    /// <param name="states">At least one state, all of the same shape.</param>
    /// <exception cref="ArgumentException">No state, or shapes or types do not fit.</exception>
    public static AttentionState MergeMany(ReadOnlySpan<AttentionState> states)
    {
        if (states.IsEmpty)
            throw new ArgumentException("states: expected at least one, got none", nameof(states));
        Validate(states);
        Tensor? output = null;
        Tensor<float>? lse = null;
        try
        {
            output = Tensor.Create(states[0].Out.DType, states[0].Out.Shape, zeroed: false);
            lse = Tensor<float>.Create(states[0].LogSumExp.Shape, zeroed: false);
            var merged = new AttentionState(output, lse, states[0].Base);
            Run(states.ToArray(), merged);
            return merged;
        }
        catch
        {
            output?.Dispose();
            lse?.Dispose();
            throw;
        }
    }

    /// <summary>Merges a state into another one, overwriting its tensors.</summary>
    /// <param name="target">Receives the result; keeps its base. Its tensors share no memory with each other or with the other state's.</param>
    /// <param name="other">A state of the same shape.</param>
    /// <exception cref="ArgumentException">Shapes or types do not fit, or the target shares memory.</exception>
    public static void MergeInPlace(AttentionState target, AttentionState other)
    {
        AttentionState[] states = [target, other];
        Validate(states);
        RequireOwnMemory(target.Out, "target.Out", target.LogSumExp, other);
        RequireOwnMemory(target.LogSumExp, "target.LogSumExp", target.Out, other);
        Run(states, target);
    }

    private static void Run(AttentionState[] states, AttentionState target)
    {
        var rows =
            target.Out.ElementCount == 0 ? 0 : target.Out.ElementCount / target.Out.Shape[-1];
        var work = new MergeStatesWork(states, target, rows);
        CpuParallel.Run(
            checked((int)((rows + MergeStatesWork.RowsPerItem - 1) / MergeStatesWork.RowsPerItem)),
            ref work,
            CpuBackendOptions.Default.MaxDegreeOfParallelism
        );
    }

    private static void RequireOwnMemory(
        Tensor tensor,
        string name,
        Tensor sibling,
        AttentionState other
    )
    {
        ArgumentCheck.NoRepetition(tensor, name);
        ArgumentCheck.Separate(tensor, name, sibling, "the target's other tensor");
        ArgumentCheck.Separate(tensor, name, other.Out, "other.Out");
        ArgumentCheck.Separate(tensor, name, other.LogSumExp, "other.LogSumExp");
    }

    private static void Validate(ReadOnlySpan<AttentionState> states)
    {
        for (var i = 0; i < states.Length; i++)
        {
            var (output, lse, _) = states[i];
            var name = $"states[{i}]";
            ArgumentCheck.Alive(output, name);
            ArgumentCheck.Alive(lse, name);
            ArgumentCheck.FloatType(output, name);
            if (output.Rank is not (3 or 4))
                throw new ArgumentException(
                    $"{name}: expected an output [b,s,h,Dv] or [T,h,Dv], got {output.Shape}",
                    nameof(states)
                );
            ArgumentCheck.Shape(output, states[0].Out.Shape, name);
            var s = output.Shape;
            ArgumentCheck.Shape(lse, output.Rank == 4 ? [s[0], s[2], s[1]] : [s[0], s[1]], name);
            ArgumentCheck.LastAxisContiguous(output, name);
            ArgumentCheck.OnCpu(output, name);
            ArgumentCheck.OnCpu(lse, name);
        }
    }
}
