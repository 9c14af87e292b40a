// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Simulation;

/// <summary>
/// Peaks of what one rank keeps. An activation set lives from its F to its B, or to its W when the
/// backward is split. They do not depend on timing, only on the rank's order.
/// </summary>
internal readonly record struct ActivationUsage(int Peak, long PeakBytes, int PeakPendingWeights)
{
    public static ActivationUsage Of(
        ReadOnlySpan<PipelineAction> actions,
        long bytes,
        long deferredBytes
    )
    {
        int live = 0,
            peak = 0,
            pending = 0,
            peakPending = 0;
        long used = 0,
            peakUsed = 0;
        foreach (var action in actions)
        {
            if (action.HasForward)
            {
                live++;
                used += bytes;
                peak = Math.Max(peak, live);
                peakUsed = Math.Max(peakUsed, used);
            }

            switch (action.Kind)
            {
                case PipelineActionKind.Backward or PipelineActionKind.ForwardBackward:
                    live--;
                    used -= bytes;
                    break;
                case PipelineActionKind.BackwardInput:
                    pending++;
                    used -= bytes - deferredBytes;
                    peakPending = Math.Max(peakPending, pending);
                    break;
                case PipelineActionKind.BackwardWeight:
                    pending--;
                    live--;
                    used -= deferredBytes;
                    break;
            }
        }

        return new ActivationUsage(peak, peakUsed, peakPending);
    }
}
