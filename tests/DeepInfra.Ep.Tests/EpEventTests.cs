// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Tests;

public sealed class EpEventTests
{
    [Fact]
    public async Task Capture_IsComplete()
    {
        using var captured = EpEvent.Capture();

        captured.IsCompleted.Should().BeTrue();
        captured.Wait();
        await captured;
    }

    [Fact]
    public async Task FromTask_PendingTask_CompletesAllWaiters()
    {
        var source = new TaskCompletionSource();
        using var pending = EpEvent.FromTask(source.Task);
        var waiters = Enumerable.Range(0, 3).Select(_ => pending.AsTask()).ToArray();
        var awaiting = Await(pending);

        pending.IsCompleted.Should().BeFalse();
        pending.Wait(TimeSpan.FromMilliseconds(1)).Should().BeFalse();
        source.SetResult();

        await Task.WhenAll(waiters);
        await awaiting;
        pending.Wait(TimeSpan.FromSeconds(60)).Should().BeTrue();
    }

    [Fact]
    public async Task FromTask_FailedTask_RethrowsItsError()
    {
        using var failed = EpEvent.FromTask(Task.FromException(new EpException("broken")));

        var wait = () => failed.Wait();
        var task = () => failed.AsTask();
        var awaiting = () => Await(failed);

        wait.Should().Throw<EpException>().WithMessage("broken");
        await task.Should().ThrowAsync<EpException>();
        await awaiting.Should().ThrowAsync<EpException>();
        failed.Dispose();
    }

    [Fact]
    public void FromTask_CancelledTask_RethrowsCancellation()
    {
        using var cancelled = EpEvent.FromTask(Task.FromCanceled(new CancellationToken(true)));

        var act = () => cancelled.Wait();

        act.Should().Throw<OperationCanceledException>();
    }

    [Fact]
    public void Dispose_Pending_Waits()
    {
        var source = new TaskCompletionSource();
        var pending = EpEvent.FromTask(source.Task);
        using var timer = new Timer(_ => source.TrySetResult(), null, 20, Timeout.Infinite);

        pending.Dispose();

        source.Task.IsCompleted.Should().BeTrue();
    }

    private static async Task Await(EpEvent source) => await source;
}
