// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using DeepInfra.Pond.Plan;

namespace DeepInfra.Pond;

/// <summary>
/// A lazy, partitioned table. Methods that return a frame only describe work; methods whose name ends in
/// <c>Async</c> run it. The result of an action's frame is kept until the session ends, so a later action on
/// the same frame does not compute it again. Immutable and thread-safe.
/// </summary>
public sealed partial class PondFrame
{
    internal PondFrame(PlanNode node) => Node = node;

    /// <summary>The session that the frame belongs to.</summary>
    public PondSession Session => Node.Session;

    /// <summary>Number of partitions.</summary>
    public int PartitionCount => Node.PartitionCount;

    /// <summary>Whether an action has computed this frame, so that its result is at hand.</summary>
    public bool IsComputed => Node.Retained;

    internal PlanNode Node { get; }

    /// <summary>Names the frame in progress reports and statistics; its result is stored, not fused away.</summary>
    /// <param name="name">Letters, digits, underscores and hyphens.</param>
    /// <returns>This frame.</returns>
    public PondFrame Named(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (!name.All(c => char.IsLetterOrDigit(c) || c is '_' or '-'))
        {
            throw new ArgumentException(
                $"name: expected letters, digits, '_' or '-', got '{name}'.",
                nameof(name)
            );
        }

        Node.Name = name;
        return this;
    }

    /// <summary>Sets what each task of this step may use.</summary>
    /// <param name="cores">Cores per task; DuckDB uses as many threads.</param>
    /// <param name="memoryBytes">Memory per task in bytes; null for the share that belongs to the cores.</param>
    /// <returns>This frame.</returns>
    public PondFrame WithResources(int cores = 1, long? memoryBytes = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(cores, 1);
        if (memoryBytes is < PondOptions.MinTaskMemory)
        {
            throw new ArgumentOutOfRangeException(
                nameof(memoryBytes),
                memoryBytes,
                $"memoryBytes: expected at least {PondOptions.MinTaskMemory}."
            );
        }

        Node.Cores = cores;
        Node.MemoryBytes = memoryBytes;
        return this;
    }

    /// <summary>
    /// Forgets the stored results of this frame: they, and those of all frames that depend on it, are
    /// computed again.
    /// </summary>
    /// <returns>This frame.</returns>
    public PondFrame Recompute()
    {
        // Steps that only pass partitions on have no results of their own.
        var stack = new Stack<PlanNode>([Node]);
        while (stack.TryPop(out var node))
        {
            node.Nonce = Guid.NewGuid().ToString("N");
            node.Retained = false;
            if (node is UnionNode or CoalesceNode or ObserveNode)
            {
                foreach (var input in node.Inputs)
                {
                    stack.Push(input);
                }
            }
        }

        return this;
    }

    /// <summary>Keeps rows for which a SQL condition is true.</summary>
    /// <param name="condition">A condition over the columns, such as <c>length(text) &gt; 200</c>.</param>
    /// <returns>A frame with the same partitions.</returns>
    public PondFrame Where(string condition)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(condition);
        return Sql(
            $"SELECT * FROM {{0}} WHERE ({condition}\n)",
            rowWise: true,
            ordered: Node.IsOrdered
        );
    }

    /// <summary>Computes columns with SQL expressions.</summary>
    /// <param name="columns">A select list, such as <c>*, lower(title) as title_lower</c>.</param>
    /// <returns>A frame with the same partitions.</returns>
    public PondFrame Select(string columns)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(columns);
        return Sql($"SELECT {columns}\nFROM {{0}}", rowWise: true, ordered: Node.IsOrdered);
    }

    /// <summary>Runs one query per partition; this frame is <c>{0}</c>.</summary>
    /// <param name="sql">One SELECT statement, see <see cref="PondSession.SqlPerPartition"/>.</param>
    /// <returns>A frame with the same partitions.</returns>
    public PondFrame SqlPerPartition(string sql) => Session.SqlPerPartition(sql, this);

    /// <summary>Keeps at most some rows; which ones is only defined for an ordered frame.</summary>
    /// <param name="rows">Number of rows, at least 0.</param>
    /// <returns>A frame of one partition.</returns>
    public PondFrame Limit(long rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        return new PondFrame(new LimitNode(Session, Node, rows));
    }

    /// <summary>
    /// Keeps each row with a probability. The choice depends on the row's content and the seed only, so it
    /// is the same however the data are partitioned; equal rows are kept or dropped together.
    /// </summary>
    /// <param name="fraction">Probability from 0 to 1.</param>
    /// <param name="seed">Seed; null for the seed of the session.</param>
    /// <returns>A frame with the same partitions.</returns>
    public PondFrame Sample(double fraction, long? seed = null)
    {
        if (fraction is not (>= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(fraction),
                fraction,
                "fraction: expected 0 to 1."
            );
        }

        var limit = (long)(fraction * (1L << 53));
        var s = (seed ?? Session.RandomSeed).ToString(CultureInfo.InvariantCulture);
        return Sql(
            string.Create(
                CultureInfo.InvariantCulture,
                $"SELECT pond_row.* FROM {{0}} pond_row WHERE (hash(pond_row, {s}) >> 11) < {limit}"
            ),
            rowWise: true,
            ordered: Node.IsOrdered
        );
    }

    /// <summary>
    /// Measures the rows that pass, for <see cref="PondSession.GetObservations"/>; the frame is otherwise
    /// unchanged. Values of all partitions are added up.
    /// </summary>
    /// <param name="name">Name of the stage.</param>
    /// <param name="values">Value names and SQL aggregates, such as <c>("documents", "count(*)")</c>.</param>
    /// <returns>A frame with the same rows and partitions.</returns>
    public PondFrame Observe(string name, params (string Name, string Sql)[] values)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(values);
        if (values.Length == 0)
        {
            throw new ArgumentException(
                "values: expected at least one value, got none.",
                nameof(values)
            );
        }

        var list = values.Select(v => KeyValuePair.Create(v.Name, v.Sql)).ToArray();
        return new PondFrame(new ObserveNode(Session, Node, list) { Name = name });
    }

    /// <summary>The rows of several frames; the partitions follow one another.</summary>
    /// <param name="others">Frames with the same columns.</param>
    /// <returns>A frame with the partitions of all.</returns>
    public PondFrame Union(params PondFrame[] others)
    {
        ArgumentNullException.ThrowIfNull(others);
        foreach (var other in others)
        {
            CheckSession(other);
        }

        return new PondFrame(new UnionNode(Session, [Node, .. others.Select(o => o.Node)]));
    }

    /// <summary>Describes the steps that lead to this frame, inputs first.</summary>
    /// <returns>One line per step: number, kind, partitions, text and inputs.</returns>
    public string Explain()
    {
        var lines = new SortedDictionary<int, string>();
        var stack = new Stack<PlanNode>([Node]);
        while (stack.TryPop(out var node))
        {
            var inputs = string.Join(", ", node.Inputs.Select(i => "#" + i.Id));
            var text = new StringBuilder()
                .Append(CultureInfo.InvariantCulture, $"#{node.Id} {node.Kind}")
                .Append(node.Name is null ? "" : $" '{node.Name}'")
                .Append(CultureInfo.InvariantCulture, $" [{node.PartitionCount}]")
                .Append(inputs.Length == 0 ? "" : $" <- {inputs}")
                .Append(": ")
                .Append(node.Describe().ReplaceLineEndings(" "))
                .Append(node.SourceLocation is null ? "" : $"  ({node.SourceLocation})");
            if (lines.TryAdd(node.Id, text.ToString()))
            {
                foreach (var input in node.Inputs)
                {
                    stack.Push(input);
                }
            }
        }

        return string.Join(Environment.NewLine, lines.Values);
    }

    internal PondFrame Sql(string sql, bool rowWise, bool ordered) =>
        new(new SqlNode(Session, sql, [Node]) { RowWise = rowWise, Ordered = ordered });

    private void CheckSession(PondFrame other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (other.Session != Session)
        {
            throw new ArgumentException("Expected a frame of the same session.", nameof(other));
        }
    }
}
