// SPDX-License-Identifier: MIT
using System.Globalization;

namespace DeepInfra.Pond.Engine;

/// <summary>
/// Keeps idle DuckDB instances, because opening one costs about as much as a small task. Thread-safe.
/// </summary>
internal sealed class DuckPool(string spillRoot, long? maxSpillBytes, int keep) : IDisposable
{
    private const int MaxUses = 100;
    private readonly Stack<DuckInstance> _idle = new();
    private readonly Lock _lock = new();
    private int _counter;
    private bool _disposed;

    public DuckInstance Rent(int threads, long memoryBytes)
    {
        DuckInstance? instance;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _idle.TryPop(out instance);
        }

        // DuckDB creates its own directory when it spills, but not the ones above it.
        Directory.CreateDirectory(spillRoot);
        instance ??= new DuckInstance(
            Path.Combine(
                spillRoot,
                "duck-" + Interlocked.Increment(ref _counter).ToString(CultureInfo.InvariantCulture)
            ),
            maxSpillBytes
        );
        try
        {
            instance.Configure(threads, memoryBytes);
            return instance;
        }
        catch
        {
            Discard(instance);
            throw;
        }
    }

    public void Return(DuckInstance instance)
    {
        if (instance.Uses >= MaxUses)
        {
            Discard(instance);
            return;
        }

        instance.DropViews();
        lock (_lock)
        {
            if (!_disposed && _idle.Count < keep)
            {
                _idle.Push(instance);
                return;
            }
        }

        Discard(instance);
    }

    public static void Discard(DuckInstance instance)
    {
        instance.Dispose();
        try
        {
            if (Directory.Exists(instance.SpillDirectory))
            {
                Directory.Delete(instance.SpillDirectory, recursive: true);
            }
        }
        catch (IOException)
        {
            // The session removes the parent directory at its end.
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
        }

        while (_idle.TryPop(out var instance))
        {
            Discard(instance);
        }
    }
}
