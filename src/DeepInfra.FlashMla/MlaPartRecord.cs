// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.FlashMla;

/// <summary>
/// The work of one part of a split-KV schedule: whole requests between a first and a last one that may be
/// shared with neighbouring parts. 32 bytes, the layout that device kernels read.
/// </summary>
/// <param name="BeginRequest">First request; equal to the batch size for an idle part.</param>
/// <param name="EndRequest">Last request, inclusive.</param>
/// <param name="BeginBlock">First block of the first request.</param>
/// <param name="EndBlock">End block (exclusive) of the last request; 0 if that request is empty.</param>
/// <param name="BeginSplit">Number of this part's split inside the first request.</param>
/// <param name="FirstIsSplit">1 if the first request is also processed by another part.</param>
/// <param name="LastIsSplit">1 if the last request is also processed by another part.</param>
[StructLayout(LayoutKind.Sequential, Size = 32)]
public readonly record struct MlaPartRecord(
    int BeginRequest,
    int EndRequest,
    int BeginBlock,
    int EndBlock,
    int BeginSplit,
    int FirstIsSplit,
    int LastIsSplit
);
