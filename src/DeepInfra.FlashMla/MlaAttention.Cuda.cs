// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.FlashMla.Cuda;

namespace DeepInfra.FlashMla;

public static unsafe partial class MlaAttention
{
    private static AttentionState DecodeOnDevice(
        MlaDecodePlan plan,
        Tensor q,
        in KvBlocks cache,
        Tensor<int> blockTable,
        Tensor<int> cacheSeqlens,
        Tensor? output,
        Tensor<float>? logSumExp,
        CudaStream stream
    )
    {
        CudaDecodeSupport.RequireTypes(q, output);
        var options = plan.Options;
        var shape = options.Shape;
        var batch = q.Shape[0];
        // What is made here goes back if the launch fails.
        Tensor? ownOutput = null;
        Tensor<float>? ownLogSumExp = null;
        plan.Enter();
        try
        {
            if (plan.StaleDeviceLengths(cacheSeqlens) is { } stale)
                throw new ArgumentException(stale, nameof(cacheSeqlens));
            output ??= ownOutput = Tensor.Create(
                q.DType,
                [batch, options.QueryTokens, shape.QueryHeads, shape.ValueDim],
                stream,
                zeroed: false
            );
            logSumExp ??= ownLogSumExp = Tensor<float>.Create(
                [batch, shape.QueryHeads, options.QueryTokens],
                stream,
                zeroed: false
            );
            CudaDecode.Run(
                plan,
                plan.Buffers,
                q,
                cache,
                blockTable,
                cacheSeqlens,
                output,
                logSumExp,
                stream
            );
        }
        catch
        {
            ownOutput?.Dispose();
            ownLogSumExp?.Dispose();
            throw;
        }
        finally
        {
            plan.Leave();
        }
        FlashMlaMeter.Count(FlashMlaMeter.Decode, plan.TotalTokens);
        return new AttentionState(output, logSumExp, options.LogSumExpBase);
    }
}
