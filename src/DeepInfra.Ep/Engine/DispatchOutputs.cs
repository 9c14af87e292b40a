// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Engine;

/// <summary>Addresses of one rank's received tensors during a dispatch, and how to write one row of routing data.</summary>
internal unsafe struct DispatchOutputs
{
    public byte* X;
    public long RowBytes;

    /// <summary>Whether payload is written past the caches.</summary>
    public bool Stream;

    public byte* Scale;
    public long ScaleRowStrideBytes;
    public long ScalePackStrideBytes;
    public int ScalePacks;

    public void* TopkIdx;
    public bool IndexIs64Bit;
    public float* TopkWeights;
    public int TopK;

    public int* SourceIndex;
    public int* SourceGlobalIndex;

    public int FirstExpert;
    public int LocalExperts;
    public int MaxTokens;

    /// <summary>Writes the row's source indices.</summary>
    public readonly void WriteSource(int row, int sourceRank, int token)
    {
        SourceIndex[row] = token;
        SourceGlobalIndex[row] = sourceRank * MaxTokens + token;
    }

    /// <summary>Translates one expert id to this rank; true if the expert is here.</summary>
    public readonly bool WriteIndex(int row, int k, long expert)
    {
        var local = expert - FirstExpert;
        var isHere = (ulong)local < (ulong)LocalExperts;
        if (!isHere)
            local = -1;
        if (IndexIs64Bit)
            ((long*)TopkIdx)[(long)row * TopK + k] = local;
        else
            ((int*)TopkIdx)[(long)row * TopK + k] = (int)local;
        return isHere;
    }

    /// <summary>Writes the weights of the selections in a mask and zeroes the others.</summary>
    public readonly void WriteWeights(int row, uint mask, float* weights)
    {
        var target = TopkWeights + (long)row * TopK;
        for (var k = 0; k < TopK; k++)
            target[k] = (mask >> k & 1) != 0 ? weights[k] : 0;
    }

    /// <summary>Copies a row of scale factors.</summary>
    public readonly void WriteScales(int row, byte* source, long sourceStrideBytes)
    {
        var target = Scale + row * ScaleRowStrideBytes;
        for (var pack = 0; pack < ScalePacks; pack++)
            *(int*)(target + pack * ScalePackStrideBytes) = *(int*)(
                source + pack * sourceStrideBytes
            );
    }
}
