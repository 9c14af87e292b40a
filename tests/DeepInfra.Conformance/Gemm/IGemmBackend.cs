// SPDX-License-Identifier: MIT
using DeepInfra.Gemm;

namespace DeepInfra.Conformance.Gemm;

/// <summary>A backend under test.</summary>
public interface IGemmBackend
{
    /// <summary>A context of the backend.</summary>
    /// <param name="mkAlignment">Alignment of groups.</param>
    static abstract GemmContext Create(int mkAlignment = 128);
}
