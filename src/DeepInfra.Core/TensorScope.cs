// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>
/// Disposes every tensor that is created while it is the innermost scope of the thread or asynchronous flow, host and device
/// tensors alike. Scopes nest; borrowed views are not tracked, they end with their owners.
/// </summary>
/// <remarks>
/// Work started from the flow (tasks, parallel loops) shares the scope; it must end before the scope does. Code that keeps
/// tensors for longer, such as a cache, creates them under <see cref="Suspend"/>. Thread-safe.
/// </remarks>
/// <example>
/// <code>
/// using var scope = new TensorScope();
/// var scores = Tensor&lt;float&gt;.Create([128, 128]);
/// return scope.Detach(Reduce(scores)); // all other tensors are disposed here
/// </code>
/// </example>
public sealed class TensorScope : IDisposable
{
    private static readonly AsyncLocal<TensorScope?> s_current = new();
    private static int s_active;

    private readonly Lock _lock = new();
    private readonly TensorScope? _outer;
    private readonly bool _collects;
    private HashSet<Tensor>? _tensors;
    private bool _disposed;

    /// <summary>Begins a scope.</summary>
    public TensorScope()
        : this(collects: true) { }

    private TensorScope(bool collects)
    {
        _collects = collects;
        _tensors = new HashSet<Tensor>(ReferenceEqualityComparer.Instance);
        _outer = s_current.Value;
        s_current.Value = this;
        Interlocked.Increment(ref s_active);
    }

    /// <summary>Number of tensors that the scope will dispose.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _tensors?.Count ?? 0;
        }
    }

    /// <summary>Until the result is disposed, tensors of this flow belong to nobody but their creators.</summary>
    public static TensorScope Suspend() => new(collects: false);

    /// <summary>Takes a tensor out of the scope: it belongs to the caller again.</summary>
    /// <typeparam name="TTensor">The kind of tensor.</typeparam>
    /// <param name="tensor">A tensor of this scope; others are returned as they are.</param>
    /// <returns>The tensor.</returns>
    public TTensor Detach<TTensor>(TTensor tensor)
        where TTensor : Tensor
    {
        ArgumentNullException.ThrowIfNull(tensor);
        lock (_lock)
            _tensors?.Remove(tensor);
        return tensor;
    }

    /// <summary>Hands a tensor to the scope around this one, or to the caller if there is none.</summary>
    /// <typeparam name="TTensor">The kind of tensor.</typeparam>
    /// <param name="tensor">A tensor of this scope.</param>
    /// <returns>The tensor.</returns>
    public TTensor MoveToOuter<TTensor>(TTensor tensor)
        where TTensor : Tensor
    {
        Detach(tensor);
        _outer?.Add(tensor);
        return tensor;
    }

    /// <summary>Disposes the tensors and makes the scope around this one current. A second call does nothing.</summary>
    public void Dispose()
    {
        HashSet<Tensor> tensors;
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
            tensors = _tensors!;
            _tensors = null;
        }
        Interlocked.Decrement(ref s_active);
        if (ReferenceEquals(s_current.Value, this))
            s_current.Value = _outer;
        foreach (var tensor in tensors)
            tensor.Dispose();
    }

    /// <summary>Called for every owning tensor that is created.</summary>
    internal static void Register(Tensor tensor)
    {
        // Programs without scopes pay one load.
        if (Volatile.Read(ref s_active) != 0)
            s_current.Value?.Add(tensor);
    }

    private void Add(Tensor tensor)
    {
        if (!_collects)
            return;
        lock (_lock)
            _tensors?.Add(tensor);
    }
}
