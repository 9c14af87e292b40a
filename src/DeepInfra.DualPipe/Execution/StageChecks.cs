// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Execution;

/// <summary>Checks of what stages return.</summary>
internal static class StageChecks
{
    public static void Forward(
        in PipelineAction action,
        TensorList inputs,
        in StageForwardResult result,
        bool training
    )
    {
        if (training && result.Activation is null)
        {
            throw new PipelineStageException(
                $"stage {action.Stage} returned no activation from a training forward of micro-batch {action.MicroBatch}"
            );
        }

        var outputs = result.Outputs;
        for (var i = 0; i < outputs.Count; i++)
        {
            if (outputs[i] is not { } output)
            {
                continue;
            }

            for (var j = 0; j < inputs.Count; j++)
            {
                if (inputs[j] is { } input && Shares(output, input))
                {
                    throw Shared(action, i, $"input {j}");
                }
            }

            if (result.Activation is not { } activation)
            {
                continue;
            }

            foreach (var saved in activation.SavedTensors)
            {
                if (saved is not null && Shares(output, saved))
                {
                    throw Shared(action, i, "saved state");
                }
            }
        }
    }

    public static void Gradients(
        int stage,
        int microBatch,
        in MicroBatchState cell,
        TensorList gradients
    )
    {
        var inputs = cell.Inputs;
        if (gradients.Count != inputs.Count && !(stage == 0 && gradients.Count == 0))
        {
            throw new PipelineStageException(
                $"stage {stage} returned {gradients.Count} input gradients for {inputs.Count} inputs (micro-batch {microBatch})"
            );
        }

        for (var i = 0; i < gradients.Count; i++)
        {
            if (gradients[i] is not { } gradient)
            {
                continue;
            }

            if (inputs[i] is not { RequiresGradient: true } input)
            {
                throw new PipelineStageException(
                    $"stage {stage} returned a gradient for input {i}, which takes none (micro-batch {microBatch})"
                );
            }

            if (!gradient.HasShapeOf(input))
            {
                throw new PipelineStageException(
                    $"stage {stage}, gradient of input {i}: expected {input}, got {gradient} (micro-batch {microBatch})"
                );
            }

            foreach (var given in cell.OutputGradients)
            {
                if (given is not null && Shares(gradient, given))
                {
                    throw new PipelineStageException(
                        $"stage {stage}: the gradient of input {i} shares storage with an output gradient; return a copy (micro-batch {microBatch})"
                    );
                }
            }
        }
    }

    private static bool Shares(PipelineTensor a, PipelineTensor b) =>
        ReferenceEquals(a, b) || a.Overlaps(b);

    private static PipelineStageException Shared(
        in PipelineAction action,
        int output,
        string with
    ) =>
        new(
            $"output {output} of stage {action.Stage} shares storage with {with}; the engine releases outputs, return a copy"
        );
}
