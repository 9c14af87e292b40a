// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests;

public sealed class ClusterTests
{
    [Fact]
    public async Task StartAsync_EmptyDirectory_PublishesServingChains()
    {
        using var temp = new TempDirectory();
        await using var cluster = await TestCluster.StartAsync(temp["data"]);
        await using var client = await RawClient.ConnectAsync(cluster);

        client.Routing.Chains.Should().HaveCount(4);
        client
            .Routing.Chains.Values.SelectMany(c => c.Targets)
            .Should()
            .OnlyContain(t => t.PublicState == PublicTargetState.Serving);
        client.Routing.ChainTables[1][1].Chains.Should().HaveCount(4);
        client
            .Routing.Nodes.Values.Select(n => n.Status)
            .Should()
            .OnlyContain(s => s == NodeStatus.HeartbeatConnected || s == NodeStatus.PrimaryMgmtd);
    }

    [Fact]
    public async Task StartAsync_AfterStop_RecoversFilesAndChunks()
    {
        using var temp = new TempDirectory();
        var data = new byte[40_000];
        new Random(1).NextBytes(data);
        var chunk = new ChunkId(0x1001, 0, 0);
        uint chain;
        ulong inode;
        await using (var cluster = await TestCluster.StartAsync(temp["data"]))
        await using (var client = await RawClient.ConnectAsync(cluster))
        {
            chain = client.Routing.Chains.Keys.Min();
            var written = await client.WriteAsync(chain, chunk, 0, data);
            written.LengthInfo.Value.Should().Be(40_000);
            var made = await client.MetaAsync<CreateReq, CreateRsp>(
                MetaMethod.Create,
                new CreateReq
                {
                    Path = new PathAt { Path = "/f" },
                    Perm = 0x1A4,
                    Flags = OpenFlags.Create | OpenFlags.Exclusive,
                }
            );
            inode = made.Value.Stat.Id;
        }

        await using var again = await TestCluster.StartAsync(temp["data"]);
        await using var reader = await RawClient.ConnectAsync(again);
        var (result, bytes) = await reader.ReadAsync(chain, chunk, 0, 64 * 1024);
        var stat = await reader.MetaAsync<StatReq, StatRsp>(
            MetaMethod.Stat,
            new StatReq { Path = new PathAt { Path = "/f" } }
        );

        result.LengthInfo.Value.Should().Be(40_000);
        bytes.Should().Equal(data);
        stat.Value.Stat.Id.Should().Be(inode);
    }

    [Fact]
    public async Task StartAsync_VerifyChunksOnStart_RefusesDamageAndNamesIt()
    {
        using var temp = new TempDirectory();
        var options = TestCluster.Options(temp["data"]) with { VerifyChunksOnStart = true };
        await using (var cluster = await ThreeFsCluster.StartAsync(options))
        await using (var client = await RawClient.ConnectAsync(cluster))
        {
            var chain = client.Routing.Chains.Keys.Min();
            await client.WriteAsync(chain, new ChunkId(0x1001, 0, 0), 0, new byte[10_000]);
            await client.WriteAsync(chain, new ChunkId(0x1001, 0, 1), 0, new byte[10_000]);
            (await cluster.VerifyChunksAsync()).Damaged.Should().BeEmpty();
        }

        await using (await ThreeFsCluster.StartAsync(options))
        {
            // Sound chunks do not keep it from starting.
        }

        var file = Directory
            .EnumerateFiles(temp["data"], "*.dat", SearchOption.AllDirectories)
            .First();
        await using (var disk = File.Open(file, FileMode.Open, FileAccess.Write))
        {
            disk.Position = 5000;
            disk.WriteByte(1);
        }

        var start = () => ThreeFsCluster.StartAsync(options);
        (await start.Should().ThrowAsync<ClusterStorageException>())
            .Which.Message.Should()
            .StartWith("1 of 2 chunks are damaged: ");
        await using var lenient = await TestCluster.StartAsync(temp["data"]);
        var result = await lenient.VerifyChunksAsync();
        result.Chunks.Should().Be(2);
        result.Damaged.Should().ContainSingle();
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{ \"Format\": 1, ")]
    public async Task StartAsync_ShapeFileDamaged_NamesTheFile(string content)
    {
        using var temp = new TempDirectory();
        await (await TestCluster.StartAsync(temp["data"])).DisposeAsync();
        var file = Path.Combine(temp["data"], "cluster.json");
        var intact = await File.ReadAllTextAsync(file);
        await File.WriteAllTextAsync(file, content);

        var start = () => TestCluster.StartAsync(temp["data"]);

        (await start.Should().ThrowAsync<ClusterStorageException>()).WithMessage($"'{file}'*");
        await File.WriteAllTextAsync(file, intact);
        await using var again = await TestCluster.StartAsync(temp["data"]);
    }

    [Fact]
    public async Task StartAsync_CutOffWhileTheShapeWasWritten_StartsAfresh()
    {
        using var temp = new TempDirectory();
        Directory.CreateDirectory(temp["data"]);
        await File.WriteAllTextAsync(Path.Combine(temp["data"], "cluster.json.new"), "{ \"For");

        await using var cluster = await TestCluster.StartAsync(temp["data"]);

        cluster.IsNodeRunning(0).Should().BeTrue();
    }

    [Fact]
    public async Task StartAsync_DirectoryInUse_NamesTheOwner()
    {
        using var temp = new TempDirectory();
        await using var cluster = await TestCluster.StartAsync(temp["data"]);

        var second = () => TestCluster.StartAsync(temp["data"]);

        (await second.Should().ThrowAsync<DataDirectoryInUseException>()).WithMessage(
            $"*{temp["data"]}*process {Environment.ProcessId}*"
        );
    }

    [Fact]
    public async Task Dispose_Cluster_LeavesNoPortsOrOpenFiles()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads /proc");
        using var temp = new TempDirectory();
        for (var i = 0; i < 3; i++)
        {
            var options = TestCluster.Options(temp["data"]) with
            {
                Durability = DurabilityMode.Fsync,
            };
            var cluster = await ThreeFsCluster.StartAsync(options);
            await using (var client = await cluster.ConnectAsync())
            {
                await client.CreateDirectoryAsync($"/d{i}");
            }
            await cluster.DisposeAsync();
            await cluster.DisposeAsync();

            OpenFiles(temp.Path).Should().BeEmpty();
            var connect = () => RawClient.ConnectAsync(cluster.ManagerEndpoints[0], "embedded");
            await connect.Should().ThrowAsync<Exception>();
            File.Exists(temp["data/owner.pid"]).Should().BeFalse();
        }
    }

    [Fact]
    public async Task Temporary_Cluster_IsGoneAfterDispose()
    {
        var cluster = await ThreeFsCluster.StartAsync(ThreeFsClusterOptions.Temporary());
        await using (var client = await cluster.ConnectAsync())
        {
            var files = new ThreeFsFileSystem(client);
            await using (var file = await files.CreateAsync("hello.txt"))
            {
                await file.WriteAsync("hello"u8.ToArray(), 0);
            }
            (await files.TryStatAsync("hello.txt"))!.Length.Should().Be(5);
        }

        await cluster.DisposeAsync();

        Directory.Exists(cluster.Options.DataDirectory).Should().BeFalse();
    }

    [Fact]
    public async Task PublishAsRdma_Client_SpeaksTcpToTheSamePort()
    {
        await using var cluster = await ThreeFsCluster.StartAsync(
            ThreeFsClusterOptions.Temporary() with
            {
                PublishAsRdma = true,
            }
        );
        await using var raw = await RawClient.ConnectAsync(cluster);
        await using var client = await cluster.ConnectAsync();
        await using var file = await client.OpenAsync("/f", FileMode.Create, FileAccess.ReadWrite);
        await file.WriteAsync(new byte[100_000], 0);

        (await file.ReadAsync(new byte[200_000], 0)).Should().Be(100_000);
        raw.Routing.Nodes.Values.Select(n => n.App.ServiceGroups[0].Endpoints[0].Type)
            .Should()
            .OnlyContain(t => t == AddressType.Rdma);
    }

    private static List<string> OpenFiles(string below)
    {
        var result = new List<string>();
        foreach (var path in Directory.EnumerateFiles("/proc/self/fd"))
        {
            try
            {
                var target = File.ResolveLinkTarget(path, false)?.FullName ?? "";
                if (target.StartsWith(below, StringComparison.Ordinal))
                {
                    result.Add(target);
                }
            }
            catch (IOException)
            {
                // Another test closed that one while we looked.
            }
        }
        return result;
    }
}
