// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Faults;
using DeepInfra.Fs.Cluster.Tests.Client;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Faults;

/// <summary>Messages that get lost or come late, in one direction or both, under the public client.</summary>
public sealed class MessageLossTests
{
    [Fact]
    public async Task AnswersNeverArrive_Write_FailsNamingChunkAndTargetAndHappensOnce()
    {
        var clock = new HurryingClock();
        await using var fs = await ClientFixture.StartAsync(o => FaultFixture.Hurried(o, clock));
        await using var file = await CreateAsync(fs);

        fs.Faults().OnMessage = FaultFixture.DropAll(ServiceId.Storage, toNode: false);
        var error = await clock.FailsSoonAsync<TimeoutException>(async () =>
            await file.WriteAsync(new byte[100], 0)
        );
        fs.Faults().OnMessage = null;

        FaultFixture.CodeOf(error).Should().Be(StatusCode.StorageClientTimeout);
        error
            .Message.Should()
            .Contain($"{new ChunkId(file.InodeId, 0, 0)}")
            .And.MatchRegex("target [0-9]{7}")
            .And.MatchRegex("chain 9[0-9]{5}");
        (await fs.VersionAsync(file.InodeId, 0))
            .Should()
            .Be(1, "it was sent several times and every time found as done");
        await file.WriteAsync(ClientFixture.Bytes(1, 100), 0);
        (await fs.VersionAsync(file.InodeId, 0)).Should().Be(2);
    }

    [Fact]
    public async Task RequestsNeverArrive_ReadAndWrite_FailAndNothingHappens()
    {
        var clock = new HurryingClock();
        await using var fs = await ClientFixture.StartAsync(o => FaultFixture.Hurried(o, clock));
        await using var file = await CreateAsync(fs);
        await file.WriteAsync(ClientFixture.Bytes(1, 100), 0);

        fs.Faults().OnMessage = FaultFixture.DropAll(ServiceId.Storage, toNode: true);
        await clock.FailsSoonAsync<TimeoutException>(async () =>
            await file.WriteAsync(new byte[100], 0)
        );
        var error = await clock.FailsSoonAsync<TimeoutException>(async () =>
            await file.ReadAsync(new byte[100], 0)
        );
        fs.Faults().OnMessage = null;

        error
            .Message.Should()
            .Contain($"{new ChunkId(file.InodeId, 0, 0)}")
            .And.MatchRegex("target [0-9]{7}");
        var found = new byte[100];
        await file.ReadAsync(found, 0);
        found.Should().Equal(ClientFixture.Bytes(1, 100));
    }

    [Fact]
    public async Task AnswersLate_RepetitionMeetsTheFirst_IsAppliedOnce()
    {
        await using var fs = await FaultFixture.StartAsync();
        await using var file = await CreateAsync(fs);
        var late = 0;
        fs.Faults().OnMessage = m =>
            m.Service == ServiceId.Storage && !m.ToNode && Interlocked.Increment(ref late) <= 3
                ? new MessageFate(default, TimeSpan.FromMilliseconds(400))
                : default;

        await file.WriteAsync(ClientFixture.Bytes(1, 5000), 0);
        fs.Faults().OnMessage = null;

        late.Should().BeGreaterThan(1, "the client did not wait for the late answer");
        (await fs.VersionAsync(file.InodeId, 0)).Should().Be(1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task MetadataAnswersLost_NameSpace_ChangesExactlyOnce(int seed)
    {
        await using var fs = await FaultFixture.StartAsync();
        var client = fs.Client;
        fs.Faults().OnMessage = FaultFixture.Unreliable(seed, ServiceId.Meta, 0, 0.15);

        for (var i = 0; i < 4; i++)
        {
            // None of them may fail: each finds out that it was done already.
            await client.CreateDirectoryAsync($"/d{i}/a/b");
            await client.CreateSymbolicLinkAsync($"/d{i}/s", "a");
            await using (
                var file = await client.OpenAsync(
                    $"/d{i}/f",
                    FileMode.OpenOrCreate,
                    FileAccess.ReadWrite
                )
            )
            {
                await file.WriteAsync(new byte[10], 0);
            }
            await client.CreateHardLinkAsync($"/d{i}/h", $"/d{i}/f");
            await client.MoveAsync($"/d{i}/h", $"/d{i}/g", overwrite: true);
            await client.DeleteAsync($"/d{i}/s");
            await client.MoveAsync($"/d{i}/a", $"/d{i}/c", overwrite: true);
            await client.DeleteAsync($"/d{i}/c", recursive: true);
        }
        fs.Faults().OnMessage = null;

        for (var i = 0; i < 4; i++)
        {
            var names = new List<string>();
            await foreach (var entry in client.EnumerateAsync($"/d{i}"))
            {
                names.Add(entry.Name);
            }
            names.Should().Equal("f", "g");
            (await client.GetInfoAsync($"/d{i}/f")).LinkCount.Should().Be(2);
            (await client.GetInfoAsync($"/d{i}/f")).Length.Should().Be(10);
        }
    }

    [Fact]
    public async Task CreateNewAnswerLost_Client_IsToldThatTheFileExists()
    {
        await using var fs = await FaultFixture.StartAsync();
        var lost = 0;
        fs.Faults().OnMessage = m =>
            m.Service == ServiceId.Meta
            && !m.ToNode
            && m.Method == MetaMethod.Create
            && Interlocked.Increment(ref lost) == 1
                ? new MessageFate(RpcFaultAction.Drop, default)
                : default;

        var create = async () =>
            await fs.Client.OpenAsync("/f", FileMode.CreateNew, FileAccess.ReadWrite);

        // The protocol has no way to tell the own file from another's here; the message says so.
        (await create.Should().ThrowAsync<IOException>())
            .Which.ToString()
            .Should()
            .Contain("sent again");
        (await fs.Client.TryGetInfoAsync("/f")).Should().NotBeNull();
    }

    [Fact]
    public async Task ManagerUnreachable_KnownChains_KeepWorking()
    {
        await using var fs = await FaultFixture.StartAsync();
        await fs.WriteFileAsync("/f", ClientFixture.Bytes(1, 200_000));

        fs.Faults().OnMessage = FaultFixture.DropAll(ServiceId.Mgmtd, toNode: true);
        await fs.WriteFileAsync("/g", ClientFixture.Bytes(2, 200_000));
        var read = await fs.ReadFileAsync("/f");
        fs.Faults().OnMessage = null;

        read.Should().Equal(ClientFixture.Bytes(1, 200_000));
        (await fs.ReadFileAsync("/g")).Should().Equal(ClientFixture.Bytes(2, 200_000));
    }

    private static ValueTask<ThreeFsFile> CreateAsync(ClientFixture fs) =>
        fs.Client.OpenAsync("/f", FileMode.CreateNew, FileAccess.ReadWrite);
}
