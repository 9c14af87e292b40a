// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Core.Cuda;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DeepInfra.Core.Jit;

/// <summary>
/// Compiled kernels by what went into them: in memory, on disk, or compiled now. Whatever decides the result (source, headers,
/// options, target, compiler with version, version of this library) is part of the key, so a stale kernel is never
/// found. Threads and processes that ask for the same kernel compile it once. Thread-safe.
/// </summary>
/// <remarks>
/// Files carry their length and a SHA-256: a damaged one is set aside and built again. A folder that cannot be written costs
/// speed only. Nothing here touches the CUDA driver except <see cref="Load"/>.
/// </remarks>
public sealed class JitKernelCache : IDisposable
{
    private static readonly string s_version =
        $"DeepInfra {typeof(JitKernelCache).Assembly.GetName().Version}";

    private static readonly Lazy<JitKernelCache> s_default = new(() => new JitKernelCache());

    private readonly JitOptions _options;
    private readonly IKernelCompiler _compiler;
    private readonly ILogger _logger;
    private readonly JitCounters _counters = new();
    private readonly SemaphoreSlim _compilations;
    private readonly KernelStore? _store;
    private readonly KernelStore[] _readOnlyStores;
    private readonly string? _dump;
    private readonly ConcurrentDictionary<KernelHash, Entry> _entries = new();
    private readonly ConcurrentDictionary<KernelHash, LoadedKernel> _loaded = new();
    private readonly Lock _loadLock = new();
    private long _clock;
    private int _warned;
    private bool _disposed;

    /// <summary>Opens a cache. Nothing is read, written or loaded before the first kernel is asked for.</summary>
    /// <param name="options">Null takes the defaults.</param>
    /// <param name="compiler">Null takes <see cref="NvrtcCompiler.Instance"/>.</param>
    /// <param name="logger">Null logs nothing.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public JitKernelCache(
        JitOptions? options = null,
        IKernelCompiler? compiler = null,
        ILogger? logger = null
    )
    {
        _options = options ?? new JitOptions();
        _options.Validate();
        _compiler = compiler ?? NvrtcCompiler.Instance;
        _logger = logger ?? NullLogger.Instance;
        _compilations = new SemaphoreSlim(_options.MaxParallelCompilations);
        if (
            CacheLocation.Find(_options, Environment.GetEnvironmentVariable, out var reason) is
            { } root
        )
            _store = new KernelStore(root, isReadOnly: false, _counters, _logger);
        else
            WarnNotKept(reason);
        _readOnlyStores =
        [
            .. _options.ReadOnlyDirectories.Select(d => new KernelStore(
                Path.GetFullPath(d),
                isReadOnly: true,
                _counters,
                _logger
            )),
        ];
        _dump = _options.DumpDirectory ?? Environment.GetEnvironmentVariable("DEEPINFRA_JIT_DUMP");
        if (string.IsNullOrEmpty(_dump))
            _dump = null;
    }

    /// <summary>The cache that all packages share, with default options.</summary>
    public static JitKernelCache Default => s_default.Value;

    /// <summary>The folder of the cache: copy it, or name it in <see cref="JitOptions.ReadOnlyDirectories"/>. Null if kernels stay in memory.</summary>
    public string? Directory => _store?.Root;

    /// <summary>What the cache has done so far.</summary>
    public JitStatistics Statistics => _counters.Snapshot();

    /// <summary>The kernel, compiled now if need be; blocks meanwhile.</summary>
    /// <param name="spec">The kernel.</param>
    /// <exception cref="ArgumentException">The specification names no entry, or two.</exception>
    /// <exception cref="KernelCompilationException">The source does not compile, or the cache is offline and has no such kernel.</exception>
    /// <exception cref="NativeLibraryNotFoundException">The compiler is not on this machine.</exception>
    /// <exception cref="ObjectDisposedException">The cache was disposed.</exception>
    public CompiledKernel GetOrBuild(KernelSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_entries.TryGetValue(spec.Hash, out var entry) && entry.Kernel.IsValueCreated)
        {
            _counters.MemoryHit();
            entry.LastUse = Interlocked.Increment(ref _clock);
            return entry.Kernel.Value;
        }
        spec.Validate();
        entry = _entries.GetOrAdd(
            spec.Hash,
            static (_, state) =>
                new Entry(new Lazy<CompiledKernel>(() => state.Cache.Find(state.Spec))),
            (Cache: this, Spec: spec)
        );
        try
        {
            var kernel = entry.Kernel.Value;
            entry.LastUse = Interlocked.Increment(ref _clock);
            EvictOverCapacity();
            return kernel;
        }
        catch
        {
            // The next call tries again: the cause may be gone by then.
            _entries.TryRemove(new KeyValuePair<KernelHash, Entry>(spec.Hash, entry));
            throw;
        }
    }

    /// <summary>The kernel, compiled on a thread of the pool if need be.</summary>
    /// <param name="spec">The kernel.</param>
    /// <param name="cancellationToken">Abandons the wait; a compilation that has begun goes on and its result is kept.</param>
    /// <inheritdoc cref="GetOrBuild"/>
    public Task<CompiledKernel> GetOrBuildAsync(
        KernelSpec spec,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(spec);
        return Task.Run(() => GetOrBuild(spec), cancellationToken).WaitAsync(cancellationToken);
    }

    /// <summary>Gets many kernels ready, several at a time.</summary>
    /// <param name="specs">The kernels; the same one may occur twice.</param>
    /// <param name="cancellationToken">Begins no further compilation.</param>
    /// <exception cref="AggregateException">Kernels that failed, one exception each; the others are ready.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async Task PrefetchAsync(
        IEnumerable<KernelSpec> specs,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(specs);
        var failures = new ConcurrentQueue<Exception>();
        await Parallel
            .ForEachAsync(
                specs,
                new ParallelOptions
                {
                    MaxDegreeOfParallelism = _options.MaxParallelCompilations,
                    CancellationToken = cancellationToken,
                },
                (spec, _) =>
                {
                    try
                    {
                        GetOrBuild(spec);
                    }
                    catch (Exception e)
                    {
                        // Whatever is wrong with one kernel or its file, the others are still wanted.
                        failures.Enqueue(e);
                    }
                    return ValueTask.CompletedTask;
                }
            )
            .ConfigureAwait(false);
        if (!failures.IsEmpty)
            throw new AggregateException("Kernels could not be compiled.", failures);
    }

    /// <summary>The kernel, ready to launch on a device. Loaded kernels live until the cache is disposed.</summary>
    /// <param name="spec">The kernel, for the architecture of the device.</param>
    /// <param name="device">A CUDA device.</param>
    /// <exception cref="CudaException">The kernel is for another architecture, or the driver refuses it.</exception>
    /// <exception cref="KernelCompilationException">The source does not compile, or the cache is offline and has no such kernel.</exception>
    /// <exception cref="NativeLibraryNotFoundException">Driver or compiler is not on this machine.</exception>
    /// <exception cref="ObjectDisposedException">The cache was disposed.</exception>
    public LoadedKernel Load(KernelSpec spec, Device device)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ObjectDisposedException.ThrowIf(_disposed, this);
        CudaArchitecture.RequireRunsOn(spec.Architecture, CudaDevice.Get(device), spec.Name);
        if (_loaded.TryGetValue(spec.Hash, out var loaded))
        {
            _counters.MemoryHit();
            return loaded;
        }
        var kernel = GetOrBuild(spec);
        lock (_loadLock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_loaded.TryGetValue(spec.Hash, out loaded))
                _loaded[spec.Hash] = loaded = LoadedKernel.Load(kernel);
            return loaded;
        }
    }

    /// <summary>Forgets what is in memory; files stay, and so do loaded kernels.</summary>
    public void ClearMemory() => _entries.Clear();

    /// <summary>Unloads the kernels. None may be running any more. A second call does nothing.</summary>
    public void Dispose()
    {
        lock (_loadLock)
        {
            if (_disposed)
                return;
            _disposed = true;
            foreach (var loaded in _loaded.Values)
                loaded.Library.Dispose();
            _loaded.Clear();
        }
        _entries.Clear();
        _compilations.Dispose();
    }

    private CompiledKernel Find(KernelSpec spec)
    {
        var compiler = _options.Offline ? null : $"{_compiler.Identity} {s_version}";
        if (TryRead(spec, compiler) is { } found)
            return found;
        if (compiler is null)
        {
            var places = _readOnlyStores.Append(_store).OfType<KernelStore>().Select(s => s.Root);
            throw new KernelCompilationException(
                spec,
                $"No cache has {spec} (hash {spec.Hash.ToShortString()}) and compiling is off (JitOptions.Offline). Looked in: {string.Join(", ", places)}. Compile it ahead, or allow compiling.",
                "",
                []
            );
        }

        using var held = TryLock(spec, compiler);
        // Whoever held the lock before has probably compiled it.
        if (held is not null && TryRead(spec, compiler) is { } made)
            return made;
        var kernel = Compile(spec);
        TryWrite(spec, compiler, kernel);
        return kernel;
    }

    private CompiledKernel? TryRead(KernelSpec spec, string? compiler)
    {
        var kernel = _store?.TryRead(spec, compiler);
        for (var i = 0; kernel is null && i < _readOnlyStores.Length; i++)
            kernel = _readOnlyStores[i].TryRead(spec, compiler);
        if (kernel is not null)
            _counters.DiskHit();
        return kernel;
    }

    private KernelLock? TryLock(KernelSpec spec, string compiler)
    {
        if (_store is null)
            return null;
        try
        {
            var held = _store.TryLock(spec, compiler, _options.LockTimeout);
            if (held is null)
                JitLog.LockTimeout(_logger, spec.Name, _options.LockTimeout.TotalSeconds);
            return held;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            WarnNotKept(e.Message);
            return null;
        }
    }

    private CompiledKernel Compile(KernelSpec spec)
    {
        _compilations.Wait();
        try
        {
            if (_dump is not null)
                KernelDump.WriteSource(_dump, spec, _logger);
            byte[] ptx = [];
            var nvrtc = _compiler as NvrtcCompiler;
            var kernel = nvrtc is null ? _compiler.Compile(spec) : nvrtc.Compile(spec, out ptx);
            _counters.Compiled(TimeSpan.FromMilliseconds(kernel.CompileMilliseconds));
            JitLog.Compiled(_logger, spec.Name, kernel.CompileMilliseconds);
            if (_dump is not null)
                KernelDump.WriteResult(_dump, spec, kernel, ptx, nvrtc?.LibraryPath, _logger);
            return kernel;
        }
        catch (KernelCompilationException e)
        {
            _counters.Failed();
            if (_dump is not null)
                KernelDump.WriteLog(_dump, spec, e.Message, _logger);
            throw;
        }
        finally
        {
            _compilations.Release();
        }
    }

    private void TryWrite(KernelSpec spec, string compiler, CompiledKernel kernel)
    {
        if (_store is null)
            return;
        try
        {
            _store.Write(spec, compiler, kernel);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _counters.WriteFailed();
            WarnNotKept(e.Message);
        }
    }

    private void WarnNotKept(string reason)
    {
        if (Interlocked.Exchange(ref _warned, 1) == 0)
            JitLog.NotKept(_logger, reason);
    }

    private void EvictOverCapacity()
    {
        while (_options.MemoryCapacity > 0 && _entries.Count > _options.MemoryCapacity)
            _entries.TryRemove(_entries.MinBy(e => e.Value.LastUse));
    }

    private sealed class Entry(Lazy<CompiledKernel> kernel)
    {
        public Lazy<CompiledKernel> Kernel { get; } = kernel;

        /// <summary>Entries in the making count as used last.</summary>
        public long LastUse { get; set; } = long.MaxValue;
    }
}
