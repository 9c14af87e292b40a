// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Engine;

/// <summary>One file that <c>COPY</c> wrote.</summary>
internal readonly record struct WrittenFile(string Path, long Rows, long Bytes);
