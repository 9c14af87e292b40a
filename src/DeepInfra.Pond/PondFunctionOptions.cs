// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>How a user function is run and recognised.</summary>
public sealed record PondFunctionOptions
{
    /// <summary>
    /// Name for messages. With <see cref="Version"/> it also identifies the function for resuming: a later
    /// run reuses results of the same name and version. Without them a lambda that captures nothing is
    /// identified by its place in the compiled assembly, and one that captures variables is never reused.
    /// </summary>
    public string? Name { get; init; }

    /// <summary>Change it whenever the function's results change.</summary>
    public string? Version { get; init; }

    /// <summary>
    /// Columns of the result; values are cast to these types. Needed when the function may return no batch,
    /// and it lets later steps be checked before anything runs.
    /// </summary>
    public PondSchema? Schema { get; init; }

    /// <summary>Rows per input batch. Default: <see cref="PondOptions.BatchRows"/>.</summary>
    public int? BatchRows { get; init; }
}
