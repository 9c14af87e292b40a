// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cpu;

/// <summary>A loop body for <see cref="CpuParallel"/>. Implement it as a struct: no closure, no allocation.</summary>
public interface ICpuWork
{
    /// <summary>Processes one item. Items are disjoint; calls run on several threads at once.</summary>
    /// <param name="item">Item index, each exactly once.</param>
    /// <param name="worker">
    /// Index of the executing thread, 0 to the degree of parallelism minus 1; one worker runs one item at a
    /// time, so it may index per-worker scratch of this loop.
    /// </param>
    void Execute(int item, int worker);
}
