// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Execution;

/// <summary>Runs one query per partition and stores its rows in one file.</summary>
internal sealed class SqlWork(string sql, OutputFormat format, bool ordered, PondSchema? schema)
    : TaskWork
{
    /// <summary>Aggregates over the stored rows, by name.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Observations { get; init; } = [];

    public string FilePrefix { get; init; } = "part";

    public override bool Measures => Observations.Count > 0;

    public override void AppendKey(KeyBuilder key)
    {
        key.Add("sql").Add(sql).Add(format.Extension).Add(format.CopyOptions).Add(ordered);
        foreach (var (name, expression) in Observations)
        {
            key.Add(name).Add(expression);
        }
    }

    public override TaskOutput Run(TaskContext context) =>
        context.WithDuck(duck =>
        {
            var views = context.CreateViews(duck);
            var query = Placeholders.FillInputs(sql, views);
            var columns = schema ?? duck.Describe(query, context.Cancellation);
            var path = context.OutputFile(FilePrefix + format.Extension);
            duck.PreserveOrder(ordered);
            var rows =
                format is ParquetOutput
                    ? duck.Copy(query, path, format.CopyOptions, context.Cancellation)
                        .Sum(f => f.Rows)
                    : duck.CopyText(query, path, format.CopyOptions, context.Cancellation);
            var file = new DataFile(path, rows, new FileInfo(path).Length);
            return new TaskOutput
            {
                Slots = [new FileSet(FileFormat.StoredParquet, columns, [file])],
                Observations = Observe(
                    duck,
                    $"({FileFormat.StoredParquet.Select([path])})",
                    Observations,
                    context.Cancellation
                ),
            };
        });

    internal static IReadOnlyDictionary<string, double> Observe(
        DuckInstance duck,
        string relation,
        IReadOnlyList<KeyValuePair<string, string>> observations,
        CancellationToken cancellation
    )
    {
        var values = new Dictionary<string, double>(StringComparer.Ordinal);
        if (observations.Count > 0)
        {
            var list = string.Join(
                ", ",
                observations.Select((o, i) => $"({o.Value}) AS v{SqlText.Number(i)}")
            );
            var row = duck.Query($"SELECT {list} FROM {relation}", cancellation)[0];
            for (var i = 0; i < row.Length; i++)
            {
                values[observations[i].Key] = row[i] is null
                    ? 0
                    : ToDouble(observations[i].Key, row[i]!);
            }
        }

        return values;
    }

    private static double ToDouble(string name, object value) =>
        value switch
        {
            System.Numerics.BigInteger big => (double)big,
            IConvertible number and not string => Convert.ToDouble(
                number,
                CultureInfo.InvariantCulture
            ),
            _ => throw new PondDataException(
                $"Observation '{name}': expected a number, got a {value.GetType().Name}."
            ),
        };
}
