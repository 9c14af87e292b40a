// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Ep;

/// <summary>Lets <c>await</c> work on an <see cref="EpEvent"/>.</summary>
public readonly struct EpEventAwaiter : ICriticalNotifyCompletion, IEquatable<EpEventAwaiter>
{
    private readonly EpEvent _event;

    internal EpEventAwaiter(EpEvent source) => _event = source;

    /// <summary>True if the operation ended.</summary>
    public bool IsCompleted => _event.IsCompleted;

    /// <summary>Rethrows a failure of the operation; waits if it is still going on.</summary>
    public void GetResult() => _event.Wait();

    /// <inheritdoc/>
    public void OnCompleted(Action continuation)
    {
        ArgumentNullException.ThrowIfNull(continuation);
        var context = ExecutionContext.Capture();
        _event.OnCompleted(
            context is null
                ? continuation
                : () => ExecutionContext.Run(context, static run => ((Action)run!)(), continuation)
        );
    }

    /// <inheritdoc/>
    public void UnsafeOnCompleted(Action continuation)
    {
        ArgumentNullException.ThrowIfNull(continuation);
        _event.OnCompleted(continuation);
    }

    /// <inheritdoc/>
    public bool Equals(EpEventAwaiter other) => ReferenceEquals(_event, other._event);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is EpEventAwaiter other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => RuntimeHelpers.GetHashCode(_event);

    /// <summary>Compares the underlying events.</summary>
    /// <param name="left">An awaiter.</param>
    /// <param name="right">An awaiter.</param>
    public static bool operator ==(EpEventAwaiter left, EpEventAwaiter right) => left.Equals(right);

    /// <summary>Compares the underlying events.</summary>
    /// <param name="left">An awaiter.</param>
    /// <param name="right">An awaiter.</param>
    public static bool operator !=(EpEventAwaiter left, EpEventAwaiter right) =>
        !left.Equals(right);
}
