// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Plan;

/// <summary>
/// Finds the columns of plan nodes by binding their queries against empty inputs, so that most mistakes in
/// SQL show up before any data is read. Remembers what it found. Thread-safe.
/// </summary>
internal sealed class SchemaResolver(JobRuntime job)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<PlanNode, PondSchema?> _known = [];

    public PondSchema? Of(PlanNode node)
    {
        lock (_lock)
        {
            if (_known.TryGetValue(node, out var known))
            {
                return known;
            }
        }

        // Inputs first, without recursion: plans of thousands of steps exist.
        var stack = new Stack<PlanNode>([node]);
        while (stack.TryPeek(out var current))
        {
            var missing = current.Inputs.Where(i => !Contains(i)).ToArray();
            foreach (var input in missing)
            {
                stack.Push(input);
            }

            if (missing.Length == 0)
            {
                stack.Pop();
                if (!Contains(current))
                {
                    var schema = Resolve(current);
                    lock (_lock)
                    {
                        _known[current] = schema;
                    }
                }
            }
        }

        lock (_lock)
        {
            return _known[node];
        }
    }

    /// <summary>Columns of a query over inputs of the given columns; null when an input is unknown.</summary>
    public PondSchema? Describe(string sql, IReadOnlyList<PlanNode> inputs)
    {
        var schemas = inputs.Select(Of).ToArray();
        if (schemas.Any(s => s is null))
        {
            return null;
        }

        return WithDuck(duck =>
        {
            var names = new string[schemas.Length];
            for (var i = 0; i < names.Length; i++)
            {
                names[i] = "pond_in_" + SqlText.Number(i);
                duck.CreateView(names[i], SqlText.EmptySelect(schemas[i]!), CancellationToken.None);
            }

            return duck.Describe(Placeholders.FillInputs(sql, names), CancellationToken.None);
        });
    }

    public T WithDuck<T>(Func<DuckInstance, T> body)
    {
        var duck = job.Pool.Rent(1, Math.Min(job.MemoryBudget, 256L << 20));
        var healthy = false;
        try
        {
            var result = body(duck);
            healthy = true;
            return result;
        }
        catch (Exception e) when (!DuckErrors.PoisonsInstance(e))
        {
            healthy = true;
            throw;
        }
        finally
        {
            if (healthy)
            {
                job.Pool.Return(duck);
            }
            else
            {
                DuckPool.Discard(duck);
            }
        }
    }

    private bool Contains(PlanNode node)
    {
        lock (_lock)
        {
            return _known.ContainsKey(node);
        }
    }

    private PondSchema? Resolve(PlanNode node)
    {
        try
        {
            return node.GetSchema(this);
        }
        catch (PondSqlException e)
        {
            throw new PondSqlException(
                $"{node.Kind} #{node.Id}{(node.SourceLocation is null ? "" : $", created at {node.SourceLocation}")}: {e.Message}\nQuery: {e.Sql}",
                e
            )
            {
                Sql = e.Sql,
                NodeId = node.Id,
                SourceLocation = node.SourceLocation,
                JobId = job.Directory.JobId,
            };
        }
    }
}
