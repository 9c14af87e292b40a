// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>
/// The streams that use memory of somebody else, who gets it back when their work is done: owners know nothing of our streams.
/// Thread-safe.
/// </summary>
internal sealed class ForeignMemoryUsers
{
    private readonly Lock _lock = new();
    private StreamUsers _users;

    /// <summary>Work enqueued on the stream uses the memory.</summary>
    public void Record(SafeStreamHandle stream)
    {
        if (stream.IsCapturing)
            throw new InvalidOperationException(
                "Memory of another library cannot be captured: a graph would outlive its owner's consent."
            );
        lock (_lock)
            _users.Add(stream);
    }

    /// <summary>Makes a stream wait for the work that uses the memory now, and a user of it.</summary>
    public void OrderBefore(SafeStreamHandle stream)
    {
        lock (_lock)
        {
            if (_users.IsAnyCapturing || stream.IsCapturing)
                throw new InvalidOperationException(
                    "Memory cannot be handed over while a stream that uses it captures."
                );
            _users.OrderBefore(stream);
            _users.Add(stream);
        }
    }

    /// <summary>Calls the action when the work enqueued so far is done: here if it is, else on a thread of the pool.</summary>
    public void Release(Action release)
    {
        StreamUsers users;
        lock (_lock)
        {
            users = _users;
            _users = default;
        }
        // Asking a stream that captures whether it is done would break the capture.
        if (users.IsAnyCapturing)
            _ = ReleaseAfterCaptureAsync(users, release);
        else
            Release(users, release);
    }

    private static async Task ReleaseAfterCaptureAsync(StreamUsers users, Action release)
    {
        while (users.IsAnyCapturing && !users.IsAnyClosed)
            await Task.Delay(1).ConfigureAwait(false);
        Release(users, release);
    }

    private static void Release(StreamUsers users, Action release)
    {
        var marks = users.Mark();
        users.Clear();
        marks.RemoveAll(IsPassed);
        if (marks.Count == 0)
            release();
        else
            ThreadPool.UnsafeQueueUserWorkItem(
                static state => WaitAndRelease(state.Marks, state.Release),
                (Marks: marks, Release: release),
                preferLocal: false
            );
    }

    private static void WaitAndRelease(List<SafeEventHandle> marks, Action release)
    {
        foreach (var mark in marks)
            // A lost device gives an error at once: nothing runs on it any more.
            using (mark)
            using (mark.Context.EnterForRelease())
                _ = mark.Context.Api.EventSynchronize(mark.Value);
        release();
    }

    private static bool IsPassed(SafeEventHandle mark)
    {
        CudaErrorCode status;
        using (mark.Context.EnterForRelease())
            status = mark.Context.Api.EventQuery(mark.Value);
        if (status == CudaErrorCode.NotReady)
            return false;
        mark.Dispose();
        return true;
    }
}
