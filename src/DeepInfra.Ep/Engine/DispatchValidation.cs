// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep.Engine;

/// <summary>Checks of a throughput dispatch, in a fixed order and before anything is sent.</summary>
internal static unsafe class DispatchValidation
{
    public static void Validate(
        ThroughputBuffer buffer,
        in DispatchInput input,
        RoutingPlan? plan,
        DispatchOptions options
    )
    {
        var (ranks, limits) = (buffer.Group.Size, buffer.Options);
        Validation.RequireRows(input.X, "input.X");
        var elementBytes = DTypes.SizeInBytes(input.X.DType);
        var rowBytes = input.X.Shape[1] * elementBytes;
        Validation.RequireRowBytes(rowBytes, "input.X");
        var tokens = input.X.Shape[0];
        if (tokens > limits.MaxTokensPerRank)
            throw new ArgumentException(
                $"input.X: expected at most {limits.MaxTokensPerRank} tokens, got {tokens}",
                nameof(input)
            );
        var packs = ValidateScales(input, tokens, elementBytes);
        var topK = plan is null
            ? ValidateRouting(input, tokens, ranks, limits)
            : ValidateCached(input, plan, options);
        ValidateOptions(input, options);
        var needed = StagedLayout.RecordFor(rowBytes, packs, topK);
        var available = StagedLayout.DispatchRecordCapacity(limits);
        if (needed > available)
            throw new BufferTooSmallException("A dispatch record", needed, available, "bytes");
    }

    /// <summary>Takes over addresses and sizes of a validated input.</summary>
    public static void Fill(DispatchRequest request, in DispatchInput input, RoutingPlan? plan)
    {
        var x = input.X;
        var elementBytes = DTypes.SizeInBytes(x.DType);
        request.X = (byte*)x.DataPointer;
        request.XStrideBytes = x.Strides[0] * elementBytes;
        request.DType = x.DType;
        request.Hidden = x.Shape[1];
        request.RowBytes = x.Shape[1] * elementBytes;
        request.Tokens = (int)x.Shape[0];
        request.Scale = null;
        request.ScalePacks = 0;
        request.ScaleType = default;
        if (input.ScaleFactors is { } scales)
        {
            request.Scale = (byte*)scales.DataPointer;
            request.ScaleRowStrideBytes = scales.Strides[0] * 4;
            request.ScalePackStrideBytes = scales.Strides[1] * 4;
            request.ScalePacks = (int)scales.Shape[1];
            request.ScaleType = scales.DType;
        }
        request.TopkIdx = null;
        request.IndexIs64Bit = false;
        request.TopK = plan?.TopK ?? 0;
        request.Experts = plan?.ExpertCount ?? input.Experts;
        if (input.TopkIdx is { } indices)
        {
            request.TopkIdx = (byte*)indices.DataPointer;
            request.TopkIdxStride = indices.Strides[0];
            request.IndexIs64Bit = indices.DType == DType.Int64;
            request.TopK = (int)indices.Shape[1];
        }
        request.TopkWeights = null;
        if (input.TopkWeights is { } weights)
        {
            request.TopkWeights = (float*)weights.DataPointer;
            request.TopkWeightsStride = weights.Strides[0];
        }
    }

    private static int ValidateScales(in DispatchInput input, long tokens, int elementBytes)
    {
        if (input.ScaleFactors is not { } scales)
            return 0;
        const string name = "input.ScaleFactors";
        Validation.RequireUsable(scales, name);
        if (scales.DType is not (DType.Float32 or DType.Int32))
            throw new ArgumentException(
                $"{name}: expected Float32 or Int32, got {scales.DType}",
                name
            );
        if (elementBytes != 1)
            throw new ArgumentException(
                $"{name}: expected none with {input.X.DType} rows; scale factors belong to one-byte elements",
                name
            );
        if (scales.Rank != 2 || scales.Shape[0] != tokens || scales.Shape[1] < 1)
            throw new ArgumentException($"{name}: expected [{tokens},packs], got {scales}", name);
        return checked((int)scales.Shape[1]);
    }

    private static int ValidateRouting(
        in DispatchInput input,
        long tokens,
        int ranks,
        ThroughputBufferOptions limits
    )
    {
        var topK = 0L;
        if (input.TopkIdx is { } indices)
        {
            const string name = "input.TopkIdx";
            Validation.RequireRows(indices, name);
            Validation.RequireIndexType(indices, name);
            topK = indices.Shape[1];
            if (indices.Shape[0] != tokens || topK < 1)
                throw new ArgumentException(
                    $"{name}: expected [{tokens},K] with K >= 1, got {indices}",
                    name
                );
            if (topK > limits.MaxTopK)
                throw new ArgumentException(
                    $"{name}: expected at most {limits.MaxTopK} selections per token, got {topK}",
                    name
                );
        }
        if (input.TopkIdx is null != input.TopkWeights is null)
            throw new ArgumentException(
                "input.TopkIdx, input.TopkWeights: expected both or neither",
                nameof(input)
            );
        if (input.TopkWeights is { } weights)
            Validation.RequireShape(weights, "input.TopkWeights", DType.Float32, tokens, topK);
        Validation.RequireExperts(input.Experts, ranks, "input.Experts");
        ValidateLayout(input, tokens, ranks);
        return (int)topK;
    }

    private static void ValidateLayout(in DispatchInput input, long tokens, int ranks)
    {
        const string name = "input.Layout";
        if (input.Layout is not { } layout)
        {
            if (input.TopkIdx is null)
                throw new ArgumentException(
                    "input: expected TopkIdx or Layout, got neither",
                    nameof(input)
                );
            return;
        }
        Validation.RequireUsable(layout.IsTokenInRank, name);
        if (layout.IsTokenInRank.Shape[0] != tokens || layout.IsTokenInRank.Shape[1] != ranks)
            throw new ArgumentException(
                $"{name}: expected a layout of [{tokens},{ranks}] tokens and ranks, got {layout.IsTokenInRank.Shape}",
                name
            );
        if (layout.TokensPerExpert.Shape[0] != input.Experts)
            throw new ArgumentException(
                $"{name}: expected a layout of {input.Experts} experts, got {layout.TokensPerExpert.Shape[0]}",
                name
            );
    }

    private static int ValidateCached(
        in DispatchInput input,
        RoutingPlan plan,
        DispatchOptions options
    )
    {
        if (input.TopkIdx is not null)
            throw new ArgumentException(
                "input.TopkIdx: expected null in a cached dispatch",
                nameof(input)
            );
        if (input.Layout is not null)
            throw new ArgumentException(
                "input.Layout: expected null in a cached dispatch",
                nameof(input)
            );
        if (input.Experts != 0 && input.Experts != plan.ExpertCount)
            throw new ArgumentException(
                $"input.Experts: expected the handle's {plan.ExpertCount}, got {input.Experts}",
                nameof(input)
            );
        if (input.X.Shape[0] != plan.TokenCount)
            throw new ArgumentException(
                $"input.X: expected the handle's {plan.TokenCount} tokens, got {input.X.Shape[0]}",
                nameof(input)
            );
        if (options.ExpertAlignment != 1 && options.ExpertAlignment != plan.Alignment)
            throw new ArgumentException(
                $"options.ExpertAlignment: expected the handle's {plan.Alignment}, got {options.ExpertAlignment}",
                nameof(options)
            );
        if (options.WorstCaseTokens > 0)
            throw new ArgumentException(
                "options.WorstCaseTokens: a cached dispatch knows its rows, expected 0",
                nameof(options)
            );
        if (input.TopkWeights is { } weights)
        {
            if (plan.TopK == 0)
                throw new ArgumentException(
                    "input.TopkWeights: the handle comes from a dispatch without routing tables",
                    nameof(input)
                );
            Validation.RequireShape(
                weights,
                "input.TopkWeights",
                DType.Float32,
                plan.TokenCount,
                plan.TopK
            );
        }
        return plan.TopK;
    }

    private static void ValidateOptions(in DispatchInput input, DispatchOptions options)
    {
        if (options.ExpertAlignment < 1)
            throw new ArgumentOutOfRangeException(
                nameof(options),
                $"options.ExpertAlignment: expected a value >= 1, got {options.ExpertAlignment}"
            );
        if (options.WorstCaseTokens < 0)
            throw new ArgumentOutOfRangeException(
                nameof(options),
                $"options.WorstCaseTokens: expected a value >= 0, got {options.WorstCaseTokens}"
            );
        if (options.WorstCaseTokens > 0 && input.TopkIdx is null)
            throw new ArgumentException(
                "options.WorstCaseTokens: needs routing tables to mark unused rows",
                nameof(options)
            );
        if (!Enum.IsDefined(options.ScaleFactorLayout))
            throw new ArgumentOutOfRangeException(
                nameof(options),
                $"options.ScaleFactorLayout: not a layout: {options.ScaleFactorLayout}"
            );
    }
}
