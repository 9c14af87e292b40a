// SPDX-License-Identifier: MIT
using Xunit;

namespace DeepInfra.Conformance.FlashMla;

/// <summary>Dense decode over the shapes that FlashMLA is tested with, small ones; one subclass per backend and tier.</summary>
public abstract class DenseDecodeMatrixConformance : DecodeConformance
{
    public static TheoryData<int, int, int, int, int, bool, bool> Matrix()
    {
        var data = new TheoryData<int, int, int, int, int, bool, bool>();
        var flip = 0;
        foreach (var batch in new[] { 1, 2, 6 })
        foreach (var queryTokens in new[] { 1, 2, 4 })
        foreach (var length in new[] { 20, 140 })
        foreach (var (heads, kvHeads) in new[] { (1, 1), (3, 1), (9, 3), (16, 2), (24, 8) })
        {
            // Every pair of (varlen, causal) meets every other axis without multiplying the matrix by four.
            flip++;
            data.Add(batch, queryTokens, length, heads, kvHeads, flip % 2 == 0, flip / 2 % 2 == 0);
        }
        data.Add(2, 1, 700, 63, 1, true, false);
        data.Add(1, 2, 300, 128, 1, false, true);
        data.Add(1, 1, 4096, 4, 1, false, false);
        data.Add(1, 2, 1500, 16, 1, true, true);
        data.Add(1, 1, 8736, 2, 1, false, false);
        data.Add(2, 2, 140, 64, 1, true, true);
        data.Add(1, 2, 140, 126, 2, false, true);
        data.Add(64, 1, 20, 3, 1, true, false);
        return data;
    }

    [Theory]
    [MemberData(nameof(Matrix))]
    public void Decode_UpstreamMatrix_MatchesReference(
        int batch,
        int queryTokens,
        int length,
        int heads,
        int kvHeads,
        bool varlen,
        bool causal
    ) =>
        Check(
            new DecodeCase
            {
                Batch = batch,
                QueryTokens = queryTokens,
                MeanLength = length,
                QueryHeads = heads,
                KvHeads = kvHeads,
                Varlen = varlen,
                Causal = causal,
                Seed = batch * 1000 + length + heads,
            }
        );
}
