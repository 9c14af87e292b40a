// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Simulation;

/// <summary>
/// Costs of a simulation, in one unit of time of the caller's choice. Immutable, thread-safe.
/// </summary>
public sealed record CostModel
{
    /// <summary>F. Default 1.</summary>
    public double Forward { get; init; } = 1;

    /// <summary>B, the full backward. Default 2.</summary>
    public double Backward { get; init; } = 2;

    /// <summary>W. Default 1.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>I; null = B - W.</summary>
    public double? Input { get; init; }

    /// <summary>F&amp;B; null = F + B.</summary>
    public double? ForwardBackward { get; init; }

    /// <summary>Time of a compute action, in place of the constants; null = the constants.</summary>
    public Func<PipelineAction, double>? Duration { get; init; }

    /// <summary>Time from a send to its arrival, without the bytes.</summary>
    public double Latency { get; init; }

    /// <summary>Bytes of a message.</summary>
    public double MessageBytes { get; init; }

    /// <summary>Bytes per unit of time; infinite by default. Messages do not slow each other down.</summary>
    public double Bandwidth { get; init; } = double.PositiveInfinity;

    /// <summary>What commits wait for. Default <see cref="TransportModel.Eager"/>.</summary>
    public TransportModel Transport { get; init; } = TransportModel.Eager;

    /// <summary>Time that every commit takes on top.</summary>
    public double CommitOverhead { get; init; }

    /// <summary>Bytes that one forward keeps until its backward.</summary>
    public long ActivationBytes { get; init; }

    /// <summary>The part of <see cref="ActivationBytes"/> that a split backward keeps until its W.</summary>
    public long DeferredActivationBytes { get; init; }

    /// <summary>The same model with F, B, I, W and F&amp;B multiplied by a factor.</summary>
    /// <param name="factor">For example 1 / v for schedules that cut the model into v times as many stages.</param>
    /// <returns>The scaled model.</returns>
    public CostModel Scaled(double factor) =>
        this with
        {
            Forward = Forward * factor,
            Backward = Backward * factor,
            Weight = Weight * factor,
            Input = Input * factor,
            ForwardBackward = ForwardBackward * factor,
            Duration = Duration is { } duration ? a => duration(a) * factor : null,
        };

    /// <summary>Time of a compute action.</summary>
    /// <param name="action">The action.</param>
    /// <returns>Its duration; 0 for other kinds.</returns>
    public double DurationOf(in PipelineAction action)
    {
        if (!action.IsCompute)
        {
            return 0;
        }

        if (Duration is not null)
        {
            return Duration(action);
        }

        return action.Kind switch
        {
            PipelineActionKind.Forward => Forward,
            PipelineActionKind.Backward => Backward,
            PipelineActionKind.BackwardInput => Input ?? (Backward - Weight),
            PipelineActionKind.BackwardWeight => Weight,
            _ => ForwardBackward ?? (Forward + Backward),
        };
    }

    internal double TransferTime => Latency + (MessageBytes / Bandwidth);

    internal void Validate()
    {
        Check(Forward, nameof(Forward));
        Check(Backward, nameof(Backward));
        Check(Weight, nameof(Weight));
        Check(Input ?? (Backward - Weight), nameof(Input));
        Check(ForwardBackward ?? 0, nameof(ForwardBackward));
        Check(Latency, nameof(Latency));
        Check(MessageBytes, nameof(MessageBytes));
        Check(CommitOverhead, nameof(CommitOverhead));
        Check(ActivationBytes, nameof(ActivationBytes));
        Check(DeferredActivationBytes, nameof(DeferredActivationBytes));
        if (!(Bandwidth > 0))
        {
            throw new ArgumentOutOfRangeException(nameof(Bandwidth), Bandwidth, "expected > 0");
        }
    }

    private static void Check(double value, string name)
    {
        if (!(value >= 0) || double.IsInfinity(value))
        {
            throw new ArgumentOutOfRangeException(name, value, "expected a finite value >= 0");
        }
    }
}
