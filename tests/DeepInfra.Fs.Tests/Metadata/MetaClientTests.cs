// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Metadata;
using DeepInfra.Fs.Tests.Fakes;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Metadata;

public sealed class MetaClientTests
{
    [Fact]
    public async Task MutateAsync_TransientFailures_RepeatsTheSameRequestId()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        var failures = 3;
        cluster.Meta.OnCall = (m, _) =>
            m == MetaMethod.Mkdirs && Interlocked.Decrement(ref failures) >= 0
                ? new Status(StatusCode.TransactionConflict)
                : null;

        await client.CreateDirectoryAsync("d");

        var sent = cluster.Meta.Calls.Where(c => c.Method == MetaMethod.Mkdirs).ToList();
        sent.Should().HaveCount(4);
        sent.Select(c => c.Request.Uuid)
            .Distinct()
            .Should()
            .ContainSingle()
            .Which.Should()
            .NotBeEmpty();
        sent[0].Request.Client.Uuid.Should().NotBeEmpty();
    }

    [Fact]
    public async Task QueryAsync_ReadOnlyCall_CarriesTheZeroId()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync(o =>
            o with
            {
                User = new ThreeFsUser(5, 6) { Groups = [7], Token = "t" },
            }
        );

        await client.GetInfoAsync("/");

        var sent = cluster.Meta.Calls.Single().Request;
        sent.Uuid.Should().BeEmpty();
        sent.User.Uid.Should().Be(5);
        sent.User.Groups.Should().Equal(7);
        sent.User.Token.Should().Be("t");
    }

    [Theory]
    [InlineData(StatusCode.MetaNotFound, typeof(FileNotFoundException))]
    [InlineData(StatusCode.MetaNotEmpty, typeof(IOException))]
    [InlineData(StatusCode.MetaNotDirectory, typeof(IOException))]
    [InlineData(StatusCode.MetaTooManySymlinks, typeof(IOException))]
    [InlineData(StatusCode.MetaIsDirectory, typeof(IOException))]
    [InlineData(StatusCode.MetaNotFile, typeof(IOException))]
    [InlineData(StatusCode.MetaNoLock, typeof(IOException))]
    [InlineData(StatusCode.MetaExists, typeof(IOException))]
    [InlineData(StatusCode.MetaNoPermission, typeof(UnauthorizedAccessException))]
    [InlineData(StatusCode.AuthenticationFail, typeof(UnauthorizedAccessException))]
    [InlineData(StatusCode.TokenStale, typeof(UnauthorizedAccessException))]
    [InlineData(StatusCode.MetaNameTooLong, typeof(PathTooLongException))]
    [InlineData(StatusCode.InvalidArg, typeof(ArgumentException))]
    [InlineData(StatusCode.ReadOnlyMode, typeof(IOException))]
    [InlineData(StatusCode.SerdeVariantIndexExceeded, typeof(InvalidDataException))]
    [InlineData(StatusCode.MetaInconsistent, typeof(ThreeFsException))]
    [InlineData(StatusCode.MetaFoundBug, typeof(ThreeFsException))]
    [InlineData(StatusCode.RpcInvalidMethodId, typeof(ThreeFsException))]
    public async Task GetInfoAsync_FinalFailure_ThrowsTheClassCallersLookFor(
        StatusCode code,
        Type expected
    )
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        cluster.Meta.OnCall = (_, _) => new Status(code, "the reason");

        var act = async () => await client.GetInfoAsync("a/b");

        var thrown = (await act.Should().ThrowAsync<Exception>()).Which;
        thrown.Should().BeAssignableTo(expected);
        var inner = thrown as ThreeFsException ?? (ThreeFsException)thrown.InnerException!;
        inner.StatusCode.Should().Be(code);
        inner.Path.Should().Be("/a/b");
        thrown.Message.Should().Contain("the reason").And.Contain("/a/b");
        cluster.Meta.Calls.Should().ContainSingle();
    }

    [Fact]
    public async Task GetInfoAsync_FileExists_HasTheSystemsCode()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        await using var file = await client.OpenAsync("f", FileMode.CreateNew, FileAccess.Write);

        var act = async () => await client.OpenAsync("f", FileMode.CreateNew, FileAccess.Write);

        (await act.Should().ThrowAsync<IOException>())
            .Which.HResult.Should()
            .Be(unchecked((int)0x80070050));
    }

    [Fact]
    public async Task QueryAsync_AlwaysBusy_GivesUpWhenTheTimeIsOver()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync(o =>
            o with
            {
                OperationTimeout = TimeSpan.FromMilliseconds(200),
            }
        );
        cluster.Meta.OnCall = (_, _) => StatusOf(StatusCode.MetaBusy);

        var act = async () => await client.GetInfoAsync("/");

        (await act.Should().ThrowAsync<ThreeFsException>())
            .Which.StatusCode.Should()
            .Be(StatusCode.MetaBusy);
        cluster.Meta.Calls.Count.Should().BeInRange(2, 12);
    }

    [Fact]
    public async Task QueryAsync_ServerRestarts_GoesOn()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        await client.CreateDirectoryAsync("d");
        await cluster.MetaListener.DisposeAsync();

        var call = client.GetInfoAsync("d").AsTask();
        await Task.Delay(50);
        cluster.RestartMeta();

        (await call.WaitAsync(TimeSpan.FromSeconds(10)))
            .Kind.Should()
            .Be(FileSystemEntryKind.Directory);
    }

    [Fact]
    public async Task QueryAsync_NoMetadataServer_SaysSo()
    {
        await using var cluster = new FakeCluster();
        cluster.ChangeRouting(r => r.Nodes[100].Status = NodeStatus.HeartbeatFailed);
        await using var client = await cluster.ConnectAsync(o =>
            o with
            {
                OperationTimeout = TimeSpan.FromMilliseconds(100),
            }
        );

        var act = async () => await client.GetInfoAsync("/");

        var thrown = (await act.Should().ThrowAsync<ThreeFsException>()).Which;
        thrown.StatusCode.Should().Be(StatusCode.MgmtdClientMetaServiceNotAvailable);
        thrown.Hint.Should().Contain("metadata server");
    }

    [Fact]
    public async Task OpenSessionAsync_OutcomeUnknown_PrunesTheSession()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync(o =>
            o with
            {
                OperationTimeout = TimeSpan.FromMilliseconds(50),
            }
        );
        cluster.Meta.OnCall = (m, _) =>
            m == MetaMethod.Create ? new Status(StatusCode.TransactionMaybeCommitted) : null;

        var act = async () => await client.OpenAsync("f", FileMode.Create, FileAccess.Write);
        await act.Should().ThrowAsync<ThreeFsException>();

        client.Meta.LostSessionCount.Should().Be(1);
    }

    [Fact]
    public async Task OpenAsync_FailsAfterTheSessionWasMade_EndsTheSession()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        cluster.Meta.OnCall = (m, _) =>
            m == MetaMethod.Sync ? new Status(StatusCode.MetaNoPermission) : null;

        var act = async () => await client.OpenAsync("f", FileMode.Append, FileAccess.Write);
        await act.Should().ThrowAsync<UnauthorizedAccessException>();

        client.Meta.LostSessionCount.Should().Be(1);
    }

    [Theory]
    [InlineData(StatusCode.MetaInodeIdAllocFailed, true)]
    [InlineData(StatusCode.MetaOTruncFailed, true)]
    [InlineData(StatusCode.MetaBusy, true)]
    [InlineData(StatusCode.MetaForwardFailed, true)]
    [InlineData(StatusCode.TransactionTooOld, true)]
    [InlineData(StatusCode.RpcTimeout, true)]
    [InlineData(StatusCode.MgmtdNotPrimary, true)]
    [InlineData(StatusCode.MgmtdClientRoutingInfoNotReady, true)]
    [InlineData(StatusCode.StorageClientTimeout, true)]
    [InlineData(StatusCode.StorageClientChunkNotFound, false)]
    [InlineData(StatusCode.StorageClientChecksumMismatch, false)]
    [InlineData(StatusCode.StorageClientReadOnlyServer, false)]
    [InlineData(StatusCode.StorageClientFoundBug, false)]
    [InlineData(StatusCode.RpcInvalidMethodId, false)]
    [InlineData(StatusCode.MetaExists, false)]
    [InlineData(StatusCode.MetaFileTooLarge, false)]
    [InlineData(StatusCode.MetaInconsistent, false)]
    [InlineData(StatusCode.MetaRequestCanceled, false)]
    [InlineData(StatusCode.MetaNotRetryable, false)]
    [InlineData(StatusCode.MetaFoundBug, false)]
    [InlineData(StatusCode.InvalidArg, false)]
    public void IsRetryable_EveryClass_FollowsTheProtocol(StatusCode code, bool expected)
    {
        MetaRetry.IsRetryable(code).Should().Be(expected);
    }

    private static Status? StatusOf(StatusCode code) => new Status(code);
}
