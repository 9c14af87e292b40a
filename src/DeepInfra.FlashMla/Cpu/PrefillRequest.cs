// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla.Cpu;

/// <summary>Where the rows of a request lie in the packed tensors.</summary>
internal readonly unsafe struct PrefillRequest(in PrefillArguments arguments, int index)
{
    public readonly int FirstQuery = arguments.QueryOffsets[index];
    public readonly int Queries = arguments.QueryOffsets[index + 1] - arguments.QueryOffsets[index];
    public readonly int FirstKey = arguments.KeyOffsets[index];
    public readonly int Keys = arguments.KeyOffsets[index + 1] - arguments.KeyOffsets[index];
}
