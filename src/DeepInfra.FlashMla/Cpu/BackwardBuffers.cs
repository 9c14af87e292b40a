// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>Slices of scratch memory for one backward work item; disposing gives it back.</summary>
internal readonly unsafe ref struct BackwardBuffers
{
    private const int Tile = PrefillArguments.Tile;

    private readonly CpuScratch.Lease _lease;

    /// <param name="arguments">Sizes.</param>
    /// <param name="queries">Queries per head whose D and log-sum-exp are held.</param>
    /// <param name="gradQueries">Queries per head whose gradients are accumulated: all of them or none.</param>
    public BackwardBuffers(in PrefillArguments arguments, int queries, int gradQueries)
    {
        HeadStride = arguments.HeadStride;
        ValueStride = arguments.ValueStride;
        // Values and keys are staged in the same rows before they are transposed.
        HeadRow = HeadStride + 16;
        ValueRow = ValueStride + 16;
        PaddedQueries = PrefillArguments.RoundUp(queries, 4);
        var queryRows = (long)arguments.GroupSize * PaddedQueries;
        var gradRows = gradQueries == 0 ? 0 : queryRows;
        var stagingRow = Math.Max(HeadRow, ValueRow);
        long floats =
            (long)Tile
                * (
                    2L * HeadStride
                    + 2L * ValueStride
                    + 2L * stagingRow
                    + ValueRow
                    + 2L * PrefillArguments.ScoreStride
                )
            + gradRows * HeadStride
            + 2 * queryRows;
        _lease = KernelScratch.Rent(floats * sizeof(float));
        var next = (float*)_lease.Pointer;
        KeyPanels = next;
        ValuePanels = KeyPanels + Tile * HeadStride;
        GradKey = ValuePanels + Tile * ValueStride;
        GradValue = GradKey + Tile * HeadStride;
        KeyRows = GradValue + Tile * ValueStride;
        Query = KeyRows + Tile * stagingRow;
        GradOut = Query + Tile * stagingRow;
        Probabilities = GradOut + Tile * ValueRow;
        GradScores = Probabilities + Tile * PrefillArguments.ScoreStride;
        GradQuery = GradScores + Tile * PrefillArguments.ScoreStride;
        Delta = GradQuery + gradRows * HeadStride;
        LogSumExp = Delta + queryRows;
    }

    public int HeadStride { get; }
    public int ValueStride { get; }

    /// <summary>Row stride of staged keys and queries.</summary>
    public int HeadRow { get; }

    /// <summary>Row stride of staged values and output gradients.</summary>
    public int ValueRow { get; }
    public int PaddedQueries { get; }
    public float* KeyPanels { get; }
    public float* ValuePanels { get; }
    public float* GradKey { get; }
    public float* GradValue { get; }
    public float* KeyRows { get; }
    public float* Query { get; }
    public float* GradOut { get; }
    public float* Probabilities { get; }
    public float* GradScores { get; }

    /// <summary>[group][padded queries][HeadStride].</summary>
    public float* GradQuery { get; }
    public float* Delta { get; }

    /// <summary>In log2 units.</summary>
    public float* LogSumExp { get; }

    /// <summary>Gives the memory back.</summary>
    public void Dispose() => _lease.Dispose();
}
