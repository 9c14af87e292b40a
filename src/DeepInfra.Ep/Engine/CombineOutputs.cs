// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;

namespace DeepInfra.Ep.Engine;

/// <summary>Addresses of one rank's combined tensors and the kernel that sums its rows.</summary>
internal unsafe struct CombineOutputs
{
    public byte* X;
    public long XStrideBytes;
    public float* Weights;
    public int TopK;
    public DType DType;
    public int Hidden;
    public SimdTier Tier;

    /// <summary>Whether sums are written past the caches.</summary>
    public bool Stream;

    public byte* Bias0;
    public long Bias0StrideBytes;
    public byte* Bias1;
    public long Bias1StrideBytes;

    /// <summary>Sums rows of one token: bias 0, bias 1, then the rows in the given order.</summary>
    /// <param name="token">The token.</param>
    /// <param name="rows">Two free entries for the biases, then the rows.</param>
    /// <param name="count">Number of rows without biases.</param>
    public readonly void Reduce(long token, byte** rows, int count)
    {
        var first = 2;
        if (Bias1 != null)
            rows[--first] = Bias1 + token * Bias1StrideBytes;
        if (Bias0 != null)
            rows[--first] = Bias0 + token * Bias0StrideBytes;
        Cpu.RowSum.Sum(
            DType,
            Tier,
            X + token * XStrideBytes,
            rows + first,
            count + 2 - first,
            Hidden,
            Stream
        );
    }

    /// <summary>Sums weight rows of one token.</summary>
    public readonly void ReduceWeights(long token, float** rows, int count)
    {
        var target = Weights + token * TopK;
        for (var k = 0; k < TopK; k++)
        {
            float sum = 0;
            for (var i = 0; i < count; i++)
                sum += rows[i][k];
            target[k] = sum;
        }
    }
}
