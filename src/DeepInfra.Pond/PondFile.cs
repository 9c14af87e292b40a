// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>One file of a written output.</summary>
/// <param name="Name">Name in the output directory.</param>
/// <param name="Rows">Rows in the file.</param>
/// <param name="Bytes">Length in bytes.</param>
public sealed record PondFile(string Name, long Rows, long Bytes);
