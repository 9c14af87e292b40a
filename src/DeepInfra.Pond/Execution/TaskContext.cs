// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Execution;

/// <summary>What one attempt of a task may use.</summary>
internal sealed class TaskContext(
    JobRuntime job,
    PondTask task,
    string? attemptDirectory,
    int threads,
    long memoryBytes,
    CancellationToken cancellation
) : IDisposable
{
    private readonly List<string> _leases = [];

    public JobRuntime Job => job;

    public PondTask Task => task;

    public int Threads => threads;

    public long MemoryBytes => memoryBytes;

    public CancellationToken Cancellation => cancellation;

    public string OutputDirectory =>
        Path.Combine(
            attemptDirectory ?? throw new InvalidOperationException($"{task} has no directory."),
            "out"
        );

    public string OutputFile(string name) => Path.Combine(OutputDirectory, name);

    public IReadOnlyList<FileSet> Sets(int input) => task.Inputs[input].Sets;

    /// <summary>Whether input partitions are known to have no row.</summary>
    public bool IsEmpty(int input) =>
        task.Inputs[input].Slots.Count > 0 && FileSet.TotalRows(Sets(input)) == 0;

    /// <summary>Runs a body on a DuckDB instance with this task's limits.</summary>
    public T WithDuck<T>(Func<DuckInstance, T> body)
    {
        // Metadata tasks run beside those that have cores.
        var pool = task.Work.MetadataOnly ? job.ReaderPool : job.Pool;
        // DuckDB goes over its limit by buffers that it does not count.
#pragma warning disable CA2000 // it goes back to the pool
        var duck = pool.Rent(threads, Math.Max(PondOptions.MinTaskMemory, memoryBytes / 10 * 8));
#pragma warning restore CA2000
        var healthy = false;
        try
        {
            var result = body(duck);
            healthy = true;
            return result;
        }
        catch (PondOutOfMemoryException e)
        {
            e.LimitBytes = memoryBytes;
            throw;
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
                pool.Return(duck);
            }
            else
            {
                pool.Discard(duck);
            }
        }
    }

    /// <summary>Makes every input a view and returns the names of the views.</summary>
    public string[] CreateViews(DuckInstance duck)
    {
        var names = new string[task.Inputs.Count];
        for (var i = 0; i < names.Length; i++)
        {
            names[i] = CreateView(duck, i);
        }

        return names;
    }

    public string CreateView(DuckInstance duck, int input)
    {
        var name = "pond_in_" + SqlText.Number(input);
        var wrappers = task.Inputs[input].Wrappers;
        var current = wrappers.Count == 0 ? name : name + "_0";
        if (task.Inputs[input].Slots.Count > 0)
        {
            duck.CreateView(current, FileSet.Relation(Sets(input), LocalPath), cancellation);
        }

        for (var w = 0; w < wrappers.Count; w++)
        {
            var inner = current;
            current = w == wrappers.Count - 1 ? name : name + "_" + SqlText.Number(w + 1);
            duck.CreateView(
                current,
                SqlText.Fill(wrappers[w], p => p == "0" ? inner : null),
                cancellation
            );
        }

        return name;
    }

    /// <summary>A path that DuckDB can open; it stays valid until this context is disposed.</summary>
    public string LocalPath(FileSet set, DataFile file)
    {
        var path = job.Stager.LocalPath(set, file, cancellation, out var lease);
        if (lease is not null)
        {
            lock (_leases)
            {
                _leases.Add(lease);
            }
        }

        return path;
    }

    public void Dispose()
    {
        foreach (var lease in _leases)
        {
            job.Stager.Release(lease);
        }

        _leases.Clear();
    }
}
