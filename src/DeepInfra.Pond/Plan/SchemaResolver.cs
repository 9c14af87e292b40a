// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Plan;

/// <summary>
/// Finds the columns of plan nodes by binding their queries against empty inputs, so that most mistakes in
/// SQL show up before any data is read. Remembers what it found. Thread-safe.
/// </summary>
internal sealed class SchemaResolver(JobRuntime job)
{
    private const long SmallMemory = 256L << 20;
    private readonly Lock _lock = new();

    // Weak, because a node may hold record batches of the program.
    private readonly ConditionalWeakTable<PlanNode, StrongBox<PondSchema?>> _known = [];

    public PondSchema? Of(PlanNode node)
    {
        lock (_lock)
        {
            if (_known.TryGetValue(node, out var known))
            {
                return known.Value;
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
                        _known.AddOrUpdate(current, new StrongBox<PondSchema?>(schema));
                    }
                }
            }
        }

        lock (_lock)
        {
            return _known.TryGetValue(node, out var found)
                ? found.Value
                : throw new InvalidOperationException($"{node.Kind} #{node.Id} was not resolved.");
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

    public T WithDuck<T>(Func<DuckInstance, T> body) => WithDuck(SmallMemory, body);

    /// <summary>For queries that return rows: one value may be larger than what metadata need.</summary>
    public T WithDuck<T>(long memoryBytes, Func<DuckInstance, T> body)
    {
#pragma warning disable CA2000 // it goes back to the pool
        var duck = job.ReaderPool.Rent(1, Math.Min(job.MemoryBudget, memoryBytes));
#pragma warning restore CA2000
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
                job.ReaderPool.Return(duck);
            }
            else
            {
                job.ReaderPool.Discard(duck);
            }
        }
    }

    private bool Contains(PlanNode node)
    {
        lock (_lock)
        {
            return _known.TryGetValue(node, out _);
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
