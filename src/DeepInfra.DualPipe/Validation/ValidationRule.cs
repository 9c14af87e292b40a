// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Validation;

/// <summary>The rules of a schedule.</summary>
public enum ValidationRule
{
    /// <summary>
    /// V1: every (stage, micro-batch) has exactly one F and, when training, exactly one B or one I and one W.
    /// </summary>
    Completeness = 1,

    /// <summary>V2: every action names a stage and slot that its rank hosts for that micro-batch.</summary>
    Placement = 2,

    /// <summary>V3: every action comes after what it needs.</summary>
    DataDependency = 3,

    /// <summary>V4: every send has exactly one matching receive; indices ascend per slot and kind.</summary>
    MessageMatching = 4,

    /// <summary>V5: no deadlock, with eager and with batched rendezvous transport.</summary>
    Deadlock = 5,

    /// <summary>V6: no message is pending after the last commit.</summary>
    PendingMessages = 6,

    /// <summary>V7: live activations stay within the schedule's bound.</summary>
    ActivationBound = 7,

    /// <summary>V8: weight gradients accumulate in ascending micro-batch order per slot.</summary>
    AccumulationOrder = 8,

    /// <summary>V9: no weight work is outstanding at the end; with FIFO required, it runs in order.</summary>
    OutstandingWeights = 9,
}
