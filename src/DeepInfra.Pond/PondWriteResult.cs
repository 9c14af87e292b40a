// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>A written output.</summary>
/// <param name="Path">The output directory.</param>
/// <param name="Files">Files of the output, in partition order.</param>
/// <param name="Rows">Rows of all files.</param>
/// <param name="Bytes">Bytes of all files.</param>
/// <param name="Reused">An earlier run of the same job had already written exactly this output.</param>
public sealed record PondWriteResult(
    string Path,
    IReadOnlyList<PondFile> Files,
    long Rows,
    long Bytes,
    bool Reused
);
