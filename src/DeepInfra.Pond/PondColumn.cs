// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>One column of a frame.</summary>
/// <param name="Name">Name; compared without regard to case.</param>
/// <param name="SqlType">DuckDB type, such as <c>BIGINT</c>, <c>VARCHAR</c> or <c>INTEGER[]</c>.</param>
public sealed record PondColumn(string Name, string SqlType);
