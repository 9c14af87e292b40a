// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Execution;

/// <summary>
/// Names in braces that queries may use: input numbers, and values of the partition. Any other text in
/// braces belongs to the query.
/// </summary>
internal static class Placeholders
{
    public const string Partition = "__data_partition__";
    private static readonly string[] s_refused = ["batch_index", "query_index", "output_filename"];

    /// <summary>Replaces the values that are known when a task is planned.</summary>
    public static string FillPartition(string sql, int partition, int partitions, long seed) =>
        SqlText.Fill(
            sql,
            name =>
                name switch
                {
                    Partition => SqlText.Number(partition),
                    "partition_count" => SqlText.Number(partitions),
                    "rand_seed" => SqlText.Number(seed),
                    _ => null,
                }
        );

    public static string FillInputs(string sql, IReadOnlyList<string> names) =>
        SqlText.Fill(
            sql,
            name => int.TryParse(name, out var i) && i < names.Count ? names[i] : null
        );

    /// <summary>Checks that a template refers only to inputs that exist.</summary>
    public static void Check(string sql, int inputs)
    {
        foreach (var name in SqlText.Placeholders(sql))
        {
            if (int.TryParse(name, out var index) && index >= inputs)
            {
                throw new PondPlanException(
                    FormattableString.Invariant(
                        $"The query refers to input {{{index}}} but has {inputs} input(s): {sql}"
                    )
                );
            }

            if (s_refused.Contains(name))
            {
                throw new NotSupportedException(
                    $"The placeholder {{{name}}} is not supported: queries run once per partition and Pond names their files."
                );
            }
        }
    }
}
