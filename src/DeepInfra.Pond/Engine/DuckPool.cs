// SPDX-License-Identifier: MIT
using System.Globalization;

namespace DeepInfra.Pond.Engine;

/// <summary>
/// Keeps idle DuckDB instances, because opening one costs about as much as a small task. Thread-safe.
/// </summary>
/// <param name="spillRoot">Directory of the instances' spill directories.</param>
/// <param name="shareBytes">What one instance may spill, null for no limit.</param>
/// <param name="shares">Instances, in use or idle, that may spill at all; more than these may not.</param>
/// <param name="keep">Most idle instances; those that may not spill are only kept when this is above the shares.</param>
internal sealed class DuckPool(string spillRoot, long? shareBytes, int shares, int keep)
    : IDisposable
{
    private const int MaxUses = 100;
    private readonly Stack<DuckInstance> _idle = new();
    private readonly Lock _lock = new();
    private int _sharesOut;
    private int _counter;
    private bool _disposed;

    public DuckInstance Rent(int threads, long memoryBytes)
    {
        DuckInstance? instance;
        var hasShare = false;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_idle.TryPop(out instance) && _sharesOut < shares)
            {
                hasShare = true;
                _sharesOut++;
            }
        }

        instance ??= Open(hasShare);
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
            if (!_disposed && _idle.Count < keep && (instance.HasShare || keep > shares))
            {
                _idle.Push(instance);
                return;
            }
        }

        Discard(instance);
    }

    public void Discard(DuckInstance instance)
    {
        try
        {
            instance.Dispose();
            if (Directory.Exists(instance.SpillDirectory))
            {
                Directory.Delete(instance.SpillDirectory, recursive: true);
            }
        }
        catch (IOException)
        {
            // The session removes the parent directory at its end.
        }
        finally
        {
            GiveBack(instance.HasShare);
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

    private DuckInstance Open(bool hasShare)
    {
        try
        {
            // DuckDB creates its own directory when it spills, but not the ones above it.
            Directory.CreateDirectory(spillRoot);
            var name =
                "duck-"
                + Interlocked.Increment(ref _counter).ToString(CultureInfo.InvariantCulture);
            return new DuckInstance(
                Path.Combine(spillRoot, name),
                hasShare ? shareBytes : shareBytes * 0
            )
            {
                HasShare = hasShare,
            };
        }
        catch
        {
            GiveBack(hasShare);
            throw;
        }
    }

    private void GiveBack(bool hasShare)
    {
        if (hasShare)
        {
            lock (_lock)
            {
                _sharesOut--;
            }
        }
    }
}
