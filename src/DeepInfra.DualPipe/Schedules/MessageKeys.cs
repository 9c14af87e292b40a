// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Schedules;

/// <summary>
/// Dense numbering of boundary messages: a message is identified by what it carries (activations or
/// gradients), the stage that consumes it and the micro-batch.
/// </summary>
internal readonly struct MessageKeys(int stageCount, int microBatchCount)
{
    public int Count => 2 * stageCount * microBatchCount;

    public int Forward(int consumerStage, int microBatch) =>
        (consumerStage * microBatchCount) + microBatch;

    public int Backward(int consumerStage, int microBatch) =>
        ((stageCount + consumerStage) * microBatchCount) + microBatch;

    /// <summary>Key of a send or receive, or -1 when its stage or micro-batch is out of range.</summary>
    public int Of(in PipelineAction action)
    {
        var stage = action.Kind switch
        {
            PipelineActionKind.SendForward => action.Stage + 1,
            PipelineActionKind.SendBackward => action.Stage - 1,
            _ => action.Stage,
        };
        if (
            (uint)stage >= (uint)stageCount
            || (uint)action.MicroBatch >= (uint)microBatchCount
            || !action.IsMessage
        )
        {
            return -1;
        }

        return action.Kind is PipelineActionKind.ReceiveForward or PipelineActionKind.SendForward
            ? Forward(stage, action.MicroBatch)
            : Backward(stage, action.MicroBatch);
    }
}
