// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DeepInfra.Core.Cuda;

public sealed unsafe partial class CudaStream
{
    private static readonly ConcurrentDictionary<long, StreamWait> s_waits = new();
    private static long s_lastWait;

    /// <summary>
    /// Completes when the work enqueued so far is done, without blocking a thread. The result fails if that work failed.
    /// </summary>
    /// <param name="cancellationToken">Abandons the wait, never the work.</param>
    /// <exception cref="InvalidOperationException">The stream captures.</exception>
    /// <exception cref="CudaException">Earlier work failed; thrown here or by the task.</exception>
    /// <exception cref="OperationCanceledException">The wait was abandoned; thrown by the task.</exception>
    /// <exception cref="ObjectDisposedException">The stream was disposed.</exception>
    public ValueTask WaitAsync(CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        ThrowIfCapturing(nameof(WaitAsync));
        if (IsCompleted)
            return ValueTask.CompletedTask;

        var id = Interlocked.Increment(ref s_lastWait);
        var wait = new StreamWait(this, id, cancellationToken);
        s_waits[id] = wait;
        try
        {
            using var use = Use();
            Context.Check(
                Api.LaunchHostFunc(_handle.Value, &OnReached, (nint)id),
                "cuLaunchHostFunc"
            );
        }
        catch
        {
            wait.Abandon();
            throw;
        }
        wait.Watch();
        return new ValueTask(wait.Task);
    }

    internal static void Forget(long id) => s_waits.TryRemove(id, out _);

    // Runs on a thread of the driver, which must not call CUDA: it only hands over.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnReached(nint id)
    {
#pragma warning disable CA2000 // it ends with its task
        if (s_waits.TryRemove(id, out var wait))
            wait.Complete();
#pragma warning restore CA2000
    }
}
