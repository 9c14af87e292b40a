// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep;

public sealed partial class LowLatencyBuffer
{
    /// <summary>An asynchronous <see cref="Dispatch"/> that completes with its rows. Collective.</summary>
    /// <param name="x">BFloat16 [T,H], T at most M.</param>
    /// <param name="topkIdx">Int64 or Int32 [T,K]: experts, -1 for no selection, no expert twice in a row.</param>
    /// <param name="options">Options; null for the defaults.</param>
    /// <param name="cancellationToken">Cancels waiting for other ranks; the buffer is faulted then.</param>
    /// <inheritdoc cref="Dispatch" path="/exception"/>
    public async ValueTask<LowLatencyDispatchResult> DispatchAsync(
        Tensor x,
        Tensor topkIdx,
        LowLatencyDispatchOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        options ??= LowLatencyDispatchOptions.Default;
        var result = PrepareDispatch(x, topkIdx, options, withHook: false);
        result.Cancellation = cancellationToken;
        try
        {
            Run(result, async: true);
            await result.Event;
        }
        catch
        {
            Discard(result);
            throw;
        }
        return result;
    }

    /// <summary>An asynchronous <see cref="Combine"/> that completes with its sums. Collective.</summary>
    /// <param name="x">BFloat16 [L, R·M, H]: the experts' outputs in the order received.</param>
    /// <param name="topkIdx">Int64 or Int32 [T,K]: as in the dispatch; entries may be replaced by -1 to leave them out.</param>
    /// <param name="topkWeights">Float32 [T,K].</param>
    /// <param name="handle">The routing, from a dispatch of this buffer whose rows were received.</param>
    /// <param name="options">Options; null for the defaults.</param>
    /// <param name="cancellationToken">Cancels waiting for other ranks; the buffer is faulted then.</param>
    /// <inheritdoc cref="Combine" path="/exception"/>
    public async ValueTask<LowLatencyCombineResult> CombineAsync(
        Tensor<BFloat16> x,
        Tensor topkIdx,
        Tensor<float> topkWeights,
        LowLatencyHandle handle,
        LowLatencyCombineOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        options ??= LowLatencyCombineOptions.Default;
        var result = PrepareCombine(x, topkIdx, topkWeights, handle, options, withHook: false);
        result.Cancellation = cancellationToken;
        try
        {
            Run(result, async: true);
            await result.Event;
        }
        catch
        {
            result.Dispose();
            throw;
        }
        return result;
    }
}
