// SPDX-License-Identifier: MIT
using System.Numerics;
using System.Runtime.CompilerServices;

namespace DeepInfra.Ep.Engine;

/// <summary>
/// Turns a routing table into a <see cref="RoutingPlan"/>: one pass that finds each token's distinct
/// destination ranks and gives it the next slot of each. Slots follow token order, so results do not depend on
/// timing. Keeps scratch memory; one per buffer.
/// </summary>
internal sealed unsafe class RoutingPlanBuilder(int ranks, int rank)
{
    private ushort[] _rankOfExpert = [];
    private int[] _lastToken = [];
    private int _experts;

    /// <summary>[E]: selections of each expert in the last table.</summary>
    public int[] TokensPerExpert { get; private set; } = [];

    /// <summary>Fills the send side of a plan from a routing table.</summary>
    /// <exception cref="InvalidRoutingException">An id is outside -1..E-1, or occurs twice in a row and <paramref name="checkDuplicates"/> is set.</exception>
    public void Build(
        RoutingPlan plan,
        void* table,
        long rowStride,
        bool is64Bit,
        int tokens,
        int topK,
        int experts,
        bool checkDuplicates
    )
    {
        Prepare(experts);
        Begin(plan, tokens, tokens * (long)Math.Min(topK, ranks));
        if (checkDuplicates)
            Array.Fill(_lastToken, -1, 0, experts);
        if (is64Bit)
            Scan<long>(plan, (long*)table, rowStride, tokens, topK, checkDuplicates);
        else
            Scan<int>(plan, (int*)table, rowStride, tokens, topK, checkDuplicates);
        Finish(plan);
    }

    /// <summary>Fills the send side of a plan from a membership table [T,R] and given counts.</summary>
    public void Build(RoutingPlan plan, DispatchLayout layout, int experts)
    {
        Prepare(experts);
        layout.TokensPerExpert.AsSpan().CopyTo(TokensPerExpert);
        var members = layout.IsTokenInRank.AsSpan();
        var tokens = (int)layout.IsTokenInRank.Shape[0];
        Begin(plan, tokens, members.Count(true));
        var entries = 0;
        for (var token = 0; token < tokens; token++)
        {
            plan.TokenStart[token] = entries;
            var row = members.Slice(token * ranks, ranks);
            for (var target = 0; target < ranks; target++)
                if (row[target])
                    entries = Append(plan, entries, target);
        }
        plan.TokenStart[tokens] = entries;
        Finish(plan);
    }

    /// <summary>Records for each destination entry the highest position whose expert is on that rank.</summary>
    public void FillMasters(RoutingPlan plan, void* table, long rowStride, bool is64Bit, int topK)
    {
        RoutingPlan.Ensure(ref plan.EntryMaster, plan.EntryCount);
        for (var token = 0; token < plan.TokenCount; token++)
        {
            for (var entry = plan.TokenStart[token]; entry < plan.TokenStart[token + 1]; entry++)
            {
                var master = 0;
                for (var k = 0; k < topK; k++)
                {
                    var expert = is64Bit
                        ? ((long*)table)[token * rowStride + k]
                        : ((int*)table)[token * rowStride + k];
                    if (expert >= 0 && _rankOfExpert[expert] == plan.EntryRank[entry])
                        master = k;
                }
                plan.EntryMaster[entry] = (byte)master;
            }
        }
    }

    private void Prepare(int experts)
    {
        if (_experts == experts)
        {
            Array.Clear(TokensPerExpert);
            return;
        }
        _experts = experts;
        TokensPerExpert = new int[experts];
        _lastToken = new int[experts];
        _rankOfExpert = new ushort[experts];
        for (var expert = 0; expert < experts; expert++)
            _rankOfExpert[expert] = (ushort)(expert / (experts / ranks));
    }

    private void Begin(RoutingPlan plan, int tokens, long mostEntries)
    {
        plan.TokenCount = tokens;
        RoutingPlan.Ensure(ref plan.TokenStart, tokens + 1);
        RoutingPlan.Ensure(ref plan.EntryRank, checked((int)mostEntries));
        RoutingPlan.Ensure(ref plan.EntrySlot, checked((int)mostEntries));
        RoutingPlan.Ensure(ref plan.SendCount, ranks);
        RoutingPlan.Ensure(ref plan.SendOffset, ranks + 1);
        Array.Clear(plan.SendCount);
    }

    private void Scan<TIndex>(
        RoutingPlan plan,
        TIndex* table,
        long rowStride,
        int tokens,
        int topK,
        bool checkDuplicates
    )
        where TIndex : unmanaged, IBinaryInteger<TIndex>
    {
        // A word of rank bits removes duplicates and yields ranks in order; larger groups use several words.
        var words = (ranks + 63) / 64;
        var bits = stackalloc ulong[words];
        new Span<ulong>(bits, words).Clear();
        var entries = 0;
        var experts = (ulong)_experts;
        for (var token = 0; token < tokens; token++)
        {
            plan.TokenStart[token] = entries;
            var row = table + token * rowStride;
            for (var k = 0; k < topK; k++)
            {
                var expert = long.CreateTruncating(row[k]);
                if ((ulong)expert >= experts)
                {
                    if (expert == -1)
                        continue;
                    ThrowOutOfRange(token, k, expert);
                }
                if (checkDuplicates)
                {
                    if (_lastToken[expert] == token)
                        ThrowDuplicate(token, k, expert);
                    _lastToken[expert] = token;
                }
                TokensPerExpert[expert]++;
                int target = _rankOfExpert[expert];
                bits[target >> 6] |= 1ul << target;
            }
            for (var word = 0; word < words; word++)
            {
                for (var rest = bits[word]; rest != 0; rest &= rest - 1)
                    entries = Append(
                        plan,
                        entries,
                        word * 64 + BitOperations.TrailingZeroCount(rest)
                    );
                bits[word] = 0;
            }
        }
        plan.TokenStart[tokens] = entries;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Append(RoutingPlan plan, int entry, int target)
    {
        plan.EntryRank[entry] = target;
        plan.EntrySlot[entry] = plan.SendCount[target]++;
        return entry + 1;
    }

    private void Finish(RoutingPlan plan)
    {
        var entries = plan.EntryCount;
        RoutingPlan.Ensure(ref plan.SendTokens, entries);
        var sum = 0;
        for (var target = 0; target < ranks; target++)
        {
            plan.SendOffset[target] = sum;
            sum += plan.SendCount[target];
        }
        plan.SendOffset[ranks] = sum;
        for (var token = 0; token < plan.TokenCount; token++)
        {
            for (var entry = plan.TokenStart[token]; entry < plan.TokenStart[token + 1]; entry++)
                plan.SendTokens[plan.SendOffset[plan.EntryRank[entry]] + plan.EntrySlot[entry]] =
                    token;
        }
    }

    private void ThrowOutOfRange(int token, int position, long expert) =>
        throw new InvalidRoutingException(
            $"rank {rank}: topkIdx[{token},{position}]: expected -1 to {_experts - 1}, got {expert}",
            rank,
            token,
            position,
            expert
        );

    private void ThrowDuplicate(int token, int position, long expert) =>
        throw new InvalidRoutingException(
            $"rank {rank}: topkIdx[{token},{position}]: expert {expert} occurs twice in the row",
            rank,
            token,
            position,
            expert
        );
}
