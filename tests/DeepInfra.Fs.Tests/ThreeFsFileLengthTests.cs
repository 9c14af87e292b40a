// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Tests.Fakes;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests;

/// <summary>Reports of a file's length that fail, are cancelled or overlap: none may lose the length.</summary>
public sealed class ThreeFsFileLengthTests
{
    [Fact]
    public async Task FlushAsync_Cancelled_LeavesTheLengthToTheClose()
    {
        var stall = new Stall(MetaMethod.Sync);
        await using var cluster = new FakeCluster(options: stall.Options);
        await using var client = await cluster.ConnectAsync();
        var file = await client.OpenAsync("f", FileMode.CreateNew, FileAccess.Write);
        await file.WriteAsync(new byte[100], 0);
        using var cancel = new CancellationTokenSource();

        var flush = file.FlushAsync(cancel.Token).AsTask();
        await stall.Reached.WaitAsync(TimeSpan.FromSeconds(60));
        await cancel.CancelAsync();
        await flush.Invoking(f => f).Should().ThrowAsync<OperationCanceledException>();
        await file.DisposeAsync();

        CloseOf(cluster).LengthHint!.Value.Length.Should().Be(100);
        stall.Release();
    }

    [Fact]
    public async Task FlushAsync_WhileAnotherReportIsOnItsWay_WaitsForIt()
    {
        var stall = new Stall(MetaMethod.Sync);
        await using var cluster = new FakeCluster(options: stall.Options);
        await using var client = await cluster.ConnectAsync();
        await using var file = await client.OpenAsync("f", FileMode.CreateNew, FileAccess.Write);
        await file.WriteAsync(new byte[100], 0);

        var first = file.FlushAsync().AsTask();
        await stall.Reached.WaitAsync(TimeSpan.FromSeconds(60));
        var second = file.FlushAsync().AsTask();
        var finishedEarly = second.IsCompleted;
        stall.Release();
        await Task.WhenAll(first, second).WaitAsync(TimeSpan.FromSeconds(60));

        finishedEarly.Should().BeFalse();
        cluster.Meta.Calls.Count(c => c.Method == MetaMethod.Sync).Should().Be(1);
    }

    [Fact]
    public async Task SetLengthAsync_ReportFails_TheNextOneIsExact()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        var file = await client.OpenAsync("f", FileMode.CreateNew, FileAccess.Write);
        await file.WriteAsync(new byte[1000], 0);
        await file.FlushAsync();
        cluster.Meta.OnCall = (method, _) =>
            method == MetaMethod.Sync ? new Status(StatusCode.MetaInconsistent, "no") : null;

        var cut = async () => await file.SetLengthAsync(10);
        await cut.Should().ThrowAsync<ThreeFsException>();
        cluster.Meta.OnCall = (_, _) => null;
        await file.DisposeAsync();

        var close = CloseOf(cluster);
        close.UpdateLength.Should().BeTrue();
        close.LengthHint.Should().BeNull("a hint cannot make a file shorter");
    }

    [Fact]
    public async Task Dispose_ClientWithFilesOfWhichOneFails_ClosesTheOthers()
    {
        await using var cluster = new FakeCluster();
        var client = await cluster.ConnectAsync();
        foreach (var name in new[] { "a", "b", "c" })
        {
            var file = await client.OpenAsync(name, FileMode.CreateNew, FileAccess.Write);
            await file.WriteAsync(new byte[10], 0);
        }
        var failed = 0;
        cluster.Meta.OnCall = (method, _) =>
            method == MetaMethod.Close && failed++ == 0
                ? new Status(StatusCode.MetaNotFound, "gone")
                : null;

        var dispose = async () => await client.DisposeAsync();

        await dispose.Should().ThrowAsync<FileNotFoundException>();
        cluster.Meta.Calls.Count(c => c.Method == MetaMethod.Close).Should().Be(3);
    }

    private static CloseReq CloseOf(FakeCluster cluster) =>
        (CloseReq)cluster.Meta.Calls.Single(c => c.Method == MetaMethod.Close).Request;

    /// <summary>Holds the first request of a method of the metadata service until it is released.</summary>
    private sealed class Stall
    {
        private readonly TaskCompletionSource _reached = new(
            TaskCreationOptions.RunContinuationsAsynchronously
        );
        private readonly TaskCompletionSource _released = new(
            TaskCreationOptions.RunContinuationsAsynchronously
        );

        public Stall(ushort method)
        {
            Options = new RpcOptions
            {
                OnRequest = async call =>
                {
                    if (call.ServiceId == ServiceId.Meta && call.MethodId == method)
                    {
                        _reached.TrySetResult();
                        await _released.Task;
                    }
                    return RpcFaultAction.Deliver;
                },
            };
        }

        public RpcOptions Options { get; }

        public Task Reached => _reached.Task;

        public void Release() => _released.TrySetResult();
    }
}
