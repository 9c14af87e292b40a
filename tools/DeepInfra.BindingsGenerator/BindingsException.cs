// SPDX-License-Identifier: MIT
namespace DeepInfra.BindingsGenerator;

/// <summary>A header that cannot be bound, with the place in it.</summary>
internal sealed class BindingsException(string file, int line, string problem)
    : Exception($"{file}({line}): {problem}")
{
    /// <summary>The line in the header.</summary>
    public int Line => line;
}
