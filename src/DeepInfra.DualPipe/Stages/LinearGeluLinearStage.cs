// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Stages;

/// <summary>
/// z = GELU(x W1^T) W2^T without bias: x [rows, width], W1 [hidden, width], W2 [width, hidden], all
/// arithmetic in Float32 on the CPU. The reference model of the engine's tests and a template for own
/// stages. Split and full backward give bit-equal results.
/// </summary>
public sealed class LinearGeluLinearStage : IParameterizedStage
{
    private readonly int _width;
    private readonly int _hidden;
    private readonly PipelineDataType _boundaryType;
    private readonly PipelineParameter[] _parameters;

    /// <summary>Creates a stage with weights uniform in +-1/sqrt(inputs of the layer).</summary>
    /// <param name="width">Width of inputs and outputs; >= 1.</param>
    /// <param name="hidden">Width between the layers; >= 1.</param>
    /// <param name="seed">Seed of the weights: equal seeds give equal stages.</param>
    /// <param name="boundaryType">
    /// Type of outputs and input gradients: Float32 or BFloat16. Inputs of either type are accepted.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    /// <exception cref="NotSupportedException">Another boundary type.</exception>
    public LinearGeluLinearStage(
        int width,
        int hidden,
        int seed,
        PipelineDataType boundaryType = PipelineDataType.Float32
    )
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(hidden, 1);
        if (boundaryType is not (PipelineDataType.Float32 or PipelineDataType.BFloat16))
        {
            throw new NotSupportedException(
                $"boundaries are Float32 or BFloat16, not {boundaryType}"
            );
        }

        _width = width;
        _hidden = hidden;
        _boundaryType = boundaryType;
        var random = new Random(seed);
        _parameters =
        [
            CreateParameter("up", random, hidden * width, width),
            CreateParameter("down", random, width * hidden, hidden),
        ];
    }

    /// <inheritdoc/>
    public bool SupportsSplitBackward => true;

    /// <summary>W1 ("up") and W2 ("down").</summary>
    public IReadOnlyList<PipelineParameter> Parameters => _parameters;

    private Span<float> Up => _parameters[0].Value.Span;

    private Span<float> Down => _parameters[1].Value.Span;

    /// <inheritdoc/>
    public StageForwardResult Forward(in StageForwardContext context)
    {
        var x = Floats(context.Inputs, "inputs", context.Scratch, out var rows);
#pragma warning disable CA2000 // both belong to the activation
        var linear = PipelineTensor.Allocate(PipelineDataType.Float32, rows, _hidden);
        var activated = PipelineTensor.Allocate(PipelineDataType.Float32, rows, _hidden);
#pragma warning restore CA2000
        var u = linear.AsSpan<float>();
        var a = activated.AsSpan<float>();
        FloatKernels.MultiplyTransposed(x, Up, u, rows, _hidden, _width);
        FloatKernels.Gelu(u, a);
        var output = PipelineTensor.Allocate(_boundaryType, context.Inputs[0]!.Shape);
        WriteProduct(output, context.Scratch, a, rows);
        var activation = new Activation(linear, activated);
        if (context.IsTraining)
        {
            return new StageForwardResult(output, activation);
        }

        activation.Dispose();
        return new StageForwardResult(output, null);
    }

    /// <inheritdoc/>
    public TensorList Backward(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    )
    {
        var (gradients, work) = BackwardInput(context, activation, outputGradients);
        using (work)
        {
            BackwardWeight(context, work!);
        }

        return gradients;
    }

    /// <inheritdoc/>
    public SplitBackwardResult BackwardInput(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    )
    {
        var saved = (Activation)activation;
        var dz = Floats(outputGradients, "output gradients", context.Scratch, out var rows);
#pragma warning disable CA2000 // it belongs to the deferred work
        var gradient = PipelineTensor.Allocate(PipelineDataType.Float32, rows, _hidden);
#pragma warning restore CA2000
        var du = gradient.AsSpan<float>();
        FloatKernels.Multiply(dz, Down, du, rows, _hidden, _width);
        FloatKernels.GeluBackward(saved.Linear.AsSpan<float>(), du);
        saved.Linear.ReleaseStorage();

        TensorList inputGradients = TensorList.Nulls(context.Inputs.Count);
        if (context.NeedsInputGradients)
        {
            var dx = PipelineTensor.Allocate(_boundaryType, context.Inputs[0]!.Shape);
            if (_boundaryType == PipelineDataType.Float32)
            {
                FloatKernels.Multiply(du, Up, dx.AsSpan<float>(), rows, _width, _hidden);
            }
            else
            {
                var wide = context.Scratch.Rent<float>(rows * _width);
                FloatKernels.Multiply(du, Up, wide, rows, _width, _hidden);
                FloatKernels.ToBFloat16(wide, dx.AsSpan<ushort>());
            }

            inputGradients = dx;
        }

        return new SplitBackwardResult(
            inputGradients,
            new DeferredWork(gradient, saved.Activated, outputGradients)
        );
    }

    /// <inheritdoc/>
    public void BackwardWeight(in StageBackwardContext context, WeightGradientWork work)
    {
        var deferred = (DeferredWork)work;
        var x = Floats(context.Inputs, "inputs", context.Scratch, out var rows);
        var dz = Floats(deferred.OutputGradients, "output gradients", context.Scratch, out _);
        var du = deferred.LinearGradient.AsSpan<float>();
        var a = deferred.Activated.AsSpan<float>();
        var up = _parameters[0].Gradient.Span;
        var down = _parameters[1].Gradient.Span;
        var row = context.Scratch.Rent<float>(Math.Max(_width, _hidden));
        FloatKernels.AccumulateOuter(du, x, up, row, rows, _hidden, _width);
        FloatKernels.AccumulateOuter(dz, a, down, row, rows, _width, _hidden);
    }

    /// <summary>Sets every gradient to zero.</summary>
    public void ZeroGradients()
    {
        foreach (var parameter in _parameters)
        {
            parameter.Gradient.Span.Clear();
        }
    }

    private void WriteProduct(
        PipelineTensor output,
        ScratchAllocator scratch,
        ReadOnlySpan<float> a,
        int rows
    )
    {
        if (_boundaryType == PipelineDataType.Float32)
        {
            FloatKernels.MultiplyTransposed(a, Down, output.AsSpan<float>(), rows, _width, _hidden);
            return;
        }

        var wide = scratch.Rent<float>(rows * _width);
        FloatKernels.MultiplyTransposed(a, Down, wide, rows, _width, _hidden);
        FloatKernels.ToBFloat16(wide, output.AsSpan<ushort>());
    }

    /// <summary>The values of a one-tensor boundary; BFloat16 is widened into scratch memory.</summary>
    private ReadOnlySpan<float> Floats(
        TensorList list,
        string name,
        ScratchAllocator scratch,
        out int rows
    )
    {
        if (list.Count != 1 || list[0] is not { Shape: [.., var width] } tensor || width != _width)
        {
            throw new ArgumentException(
                $"{name}: expected one [.., {_width}] tensor, got {list.Count}"
                    + (list.Count > 0 ? $" ({list[0]})" : ""),
                name
            );
        }

        rows = checked((int)(tensor.ElementCount / _width));
        switch (tensor.DataType)
        {
            case PipelineDataType.Float32:
                return tensor.AsSpan<float>();
            case PipelineDataType.BFloat16:
                var wide = scratch.Rent<float>(rows * _width);
                FloatKernels.FromBFloat16(tensor.AsSpan<ushort>(), wide);
                return wide;
            default:
                throw new ArgumentException(
                    $"{name}: expected Float32 or BFloat16, got {tensor.DataType}",
                    name
                );
        }
    }

    private static PipelineParameter CreateParameter(
        string name,
        Random random,
        int count,
        int inputs
    )
    {
        var bound = 1.0 / Math.Sqrt(inputs);
        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = (float)(((random.NextDouble() * 2) - 1) * bound);
        }

        return new PipelineParameter(name, values, new float[count]);
    }

    private sealed class Activation(PipelineTensor linear, PipelineTensor activated)
        : StageActivation
    {
        private readonly PipelineTensor?[] _saved = [linear, activated];

        public PipelineTensor Linear => linear;

        public PipelineTensor Activated => activated;

        public override ReadOnlySpan<PipelineTensor?> SavedTensors => _saved;

        protected override void Dispose(bool disposing)
        {
            linear.Dispose();
            activated.Dispose();
        }
    }

    /// <summary>The saved activation stays with its token, which the engine keeps until the W.</summary>
    private sealed class DeferredWork(
        PipelineTensor linearGradient,
        PipelineTensor activated,
        TensorList outputGradients
    ) : WeightGradientWork
    {
        public PipelineTensor LinearGradient => linearGradient;

        public PipelineTensor Activated => activated;

        public TensorList OutputGradients => outputGradients;

        protected override void Dispose(bool disposing) => linearGradient.Dispose();
    }
}
