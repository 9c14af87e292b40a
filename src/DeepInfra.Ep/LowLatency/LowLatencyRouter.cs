// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep.Engine;

namespace DeepInfra.Ep.LowLatency;

/// <summary>Groups the selections of a routing table by expert, in token order.</summary>
internal sealed unsafe class LowLatencyRouter(int experts, int rank)
{
    private readonly int[] _lastToken = new int[experts];

    /// <summary>Fills the post's groups and the handle's experts and slots.</summary>
    /// <exception cref="InvalidRoutingException">An id is outside -1..E-1, or occurs twice in a row.</exception>
    public void Route(Tensor topkIdx, LowLatencyPost post, LowLatencyHandle handle)
    {
        var (tokens, topK) = ((int)topkIdx.Shape[0], (int)topkIdx.Shape[1]);
        handle.TokenCount = tokens;
        handle.TopK = topK;
        RoutingPlan.Ensure(ref handle.ExpertIds, tokens * topK);
        RoutingPlan.Ensure(ref handle.Slots, tokens * topK);
        RoutingPlan.Ensure(ref post.ExpertCount, experts);
        RoutingPlan.Ensure(ref post.ExpertOffset, experts + 1);
        RoutingPlan.Ensure(ref post.Tokens, tokens * topK);
        Array.Clear(post.ExpertCount);
        Array.Fill(_lastToken, -1);
        var data = topkIdx.DataPointer;
        var (stride, is64Bit) = (topkIdx.Strides[0], topkIdx.DType == DType.Int64);
        for (var token = 0; token < tokens; token++)
        for (var k = 0; k < topK; k++)
        {
            var expert = is64Bit
                ? ((long*)data)[token * stride + k]
                : ((int*)data)[token * stride + k];
            Check(token, k, expert);
            var entry = token * topK + k;
            handle.ExpertIds[entry] = (int)expert;
            handle.Slots[entry] = expert < 0 ? -1 : post.ExpertCount[expert]++;
        }
        GC.KeepAlive(topkIdx);
        var sum = 0;
        for (var expert = 0; expert < experts; expert++)
        {
            post.ExpertOffset[expert] = sum;
            sum += post.ExpertCount[expert];
        }
        post.ExpertOffset[experts] = sum;
        for (var entry = 0; entry < tokens * topK; entry++)
            if (handle.ExpertIds[entry] >= 0)
                post.Tokens[post.ExpertOffset[handle.ExpertIds[entry]] + handle.Slots[entry]] =
                    entry / topK;
    }

    private void Check(int token, int position, long expert)
    {
        if (expert == -1)
            return;
        if ((ulong)expert >= (ulong)experts)
            throw new InvalidRoutingException(
                $"rank {rank}: topkIdx[{token},{position}]: expected -1 to {experts - 1}, got {expert}",
                rank,
                token,
                position,
                expert
            );
        if (_lastToken[expert] == token)
            throw new InvalidRoutingException(
                $"rank {rank}: topkIdx[{token},{position}]: expert {expert} occurs twice in the row",
                rank,
                token,
                position,
                expert
            );
        _lastToken[expert] = token;
    }
}
