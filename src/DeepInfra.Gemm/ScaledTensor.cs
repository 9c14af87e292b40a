// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Gemm;

/// <summary>
/// Quantised data with its scale factors: the value of an element is its code times the scale of its block.
/// </summary>
/// <param name="Data">
/// The codes: <see cref="DType.Float8E4M3"/> or <see cref="DType.Float8E5M2"/>, or <see cref="DType.UInt8"/> with two FP4 codes per byte (the even
/// index of the contiguous dimension in the low nibble) if <paramref name="IsFp4"/> is set.
/// </param>
/// <param name="Scales">
/// One scale per block, in the dimension order of <paramref name="Data"/>: <see cref="DType.Float32"/>,
/// <see cref="DType.Float8E8M0"/>, or <see cref="DType.Int32"/> words that hold the UE8M0 exponents of four consecutive K blocks, lowest byte first.
/// Any strides.
/// </param>
/// <param name="IsFp4">True if the codes are packed E2M1.</param>
public readonly record struct ScaledTensor(Tensor Data, Tensor Scales, bool IsFp4 = false);
