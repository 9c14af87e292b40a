// SPDX-License-Identifier: MIT
namespace DeepInfra.Gemm;

/// <summary>
/// Which rows of a grouped operand belong to which group: <see cref="MIndicesLayout"/> or <see cref="PrefixSumLayout"/>.
/// </summary>
public abstract record GroupLayout
{
    private protected GroupLayout() { }
}
