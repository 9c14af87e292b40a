// SPDX-License-Identifier: MIT
using System.Text;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Metadata;

public sealed class NamespaceTests : IAsyncLifetime
{
    private MetaFixture _fs = null!;

    public async ValueTask InitializeAsync() => _fs = await MetaFixture.StartAsync();

    public ValueTask DisposeAsync() => _fs.DisposeAsync();

    [Fact]
    public async Task Create_OneNameFromManyTasks_SucceedsOnce()
    {
        var results = await Task.WhenAll(
            Enumerable.Range(0, 64).Select(_ => Task.Run(() => _fs.TryCreateAsync("/one")))
        );

        results.Count(r => r.HasValue).Should().Be(1);
        results
            .Where(r => !r.HasValue)
            .Should()
            .OnlyContain(r => r.Status.Code == StatusCode.MetaExists);
        (await _fs.ListAsync("/")).Should().Equal("one");
    }

    [Fact]
    public async Task RemoveDirectory_WhileFilesAreCreatedInIt_LeavesNoOrphans()
    {
        for (var round = 0; round < 20; round++)
        {
            await _fs.MakeDirectoryAsync("/d");
            var creates = Enumerable
                .Range(0, 4)
                .Select(i => Task.Run(() => _fs.TryCreateAsync($"/d/{i}")));
            var remove = Task.Run(() => _fs.RemoveAsync("/d", AtFlags.RemoveDirectory));

            var made = await Task.WhenAll(creates.ToArray());
            var removed = await remove;

            if (removed == StatusCode.Ok)
            {
                made.Should().OnlyContain(r => r.Status.Code == StatusCode.MetaNotFound);
            }
            else
            {
                removed.Should().Be(StatusCode.MetaNotEmpty);
                (await _fs.ListAsync("/d")).Should().HaveCount(made.Count(r => r.HasValue));
                (await _fs.RemoveAsync("/d", recursive: true)).Should().Be(StatusCode.Ok);
            }
        }
    }

    [Fact]
    public async Task Rename_DirectoriesIntoEachOtherAtOnce_MakesNoLoop()
    {
        for (var round = 0; round < 20; round++)
        {
            await _fs.MakeDirectoryAsync("/a");
            await _fs.MakeDirectoryAsync("/b");

            var codes = await Task.WhenAll(
                Task.Run(() => _fs.RenameAsync("/a", "/b/a")),
                Task.Run(() => _fs.RenameAsync("/b", "/a/b"))
            );

            codes.Count(c => c == StatusCode.Ok).Should().Be(1);
            var top = (await _fs.ListAsync("/")).Single();
            (await _fs.ListAsync($"/{top}")).Should().ContainSingle();
            (await _fs.RemoveAsync($"/{top}", recursive: true)).Should().Be(StatusCode.Ok);
        }
    }

    [Fact]
    public async Task Rename_OverExisting_FollowsPosix()
    {
        await _fs.MakeDirectoryAsync("/empty");
        await _fs.MakeDirectoryAsync("/full");
        await _fs.CreateAsync("/full/x");
        await _fs.MakeDirectoryAsync("/dir");
        var file = await _fs.CreateAsync("/file");
        await _fs.CreateAsync("/other");

        (await _fs.RenameAsync("/dir", "/full")).Should().Be(StatusCode.MetaNotEmpty);
        (await _fs.RenameAsync("/dir", "/file")).Should().Be(StatusCode.MetaNotDirectory);
        (await _fs.RenameAsync("/file", "/dir")).Should().Be(StatusCode.MetaIsDirectory);
        (await _fs.RenameAsync("/dir", "/dir/below")).Should().Be(StatusCode.InvalidArg);
        (await _fs.RenameAsync("/none", "/x")).Should().Be(StatusCode.MetaNotFound);
        (await _fs.RenameAsync("/dir", "/empty")).Should().Be(StatusCode.Ok);
        (await _fs.RenameAsync("/file", "/other")).Should().Be(StatusCode.Ok);

        (await _fs.ListAsync("/")).Should().Equal("empty", "full", "other");
        (await _fs.StatAsync("/other")).Id.Should().Be(file.Id);
    }

    [Fact]
    public async Task Rename_Directory_KeepsWhatIsBelow()
    {
        await _fs.MakeDirectoryAsync("/a/b/c");
        var file = await _fs.CreateAsync("/a/b/c/f");
        await _fs.MakeDirectoryAsync("/z");

        (await _fs.RenameAsync("/a/b", "/z/moved")).Should().Be(StatusCode.Ok);

        (await _fs.StatAsync("/z/moved/c/f")).Id.Should().Be(file.Id);
        (await _fs.StatAsync("/z/moved/c/../../moved/c/f")).Id.Should().Be(file.Id);
        (await _fs.TryStatAsync("/a/b")).Status.Code.Should().Be(StatusCode.MetaNotFound);
    }

    [Fact]
    public async Task HardLink_RemovedNameByName_LivesUntilTheLast()
    {
        var file = await _fs.CreateAsync("/one");
        var linked = MetaFixture.Value(
            await _fs.Client.MetaAsync<HardLinkReq, HardLinkRsp>(
                MetaMethod.HardLink,
                new HardLinkReq
                {
                    OldPath = MetaFixture.At("/one"),
                    NewPath = MetaFixture.At("/two"),
                }
            )
        );

        linked.Stat.Nlink.Should().Be(2);
        (await _fs.RemoveAsync("/one")).Should().Be(StatusCode.Ok);
        (await _fs.StatAsync("/two")).Nlink.Should().Be(1);
        (await _fs.StatAsync("/two")).Id.Should().Be(file.Id);
    }

    [Fact]
    public async Task Stat_ManySymbolicLinksOneAfterTheOther_FollowsTen()
    {
        var file = await _fs.CreateAsync("/f");
        await _fs.SymlinkAsync("/here", ".");

        var ten = string.Concat(Enumerable.Repeat("/here", 10)) + "/f";

        (await _fs.StatAsync(ten, AtFlags.SymlinkFollow)).Id.Should().Be(file.Id);
        (await _fs.TryStatAsync("/here" + ten, AtFlags.SymlinkFollow))
            .Status.Code.Should()
            .Be(StatusCode.MetaTooManySymlinks);
    }

    [Fact]
    public async Task Remove_InVeryDeepDirectories_Works()
    {
        var path = string.Concat(Enumerable.Repeat("/d", 300));
        await _fs.MakeDirectoryAsync(path);
        await _fs.CreateAsync(path + "/f");

        (await _fs.RemoveAsync(path + "/f")).Should().Be(StatusCode.Ok);
        (await _fs.RemoveAsync("/d", recursive: true)).Should().Be(StatusCode.Ok);
        (await _fs.TryStatAsync("/d")).Status.Code.Should().Be(StatusCode.MetaNotFound);
    }

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(0)]
    [InlineData(int.MinValue)]
    public async Task List_AnyLimit_Answers(int limit)
    {
        await _fs.CreateAsync("/a");
        await _fs.CreateAsync("/b");

        var page = MetaFixture.Value(
            await _fs.Client.MetaAsync<ListReq, ListRsp>(
                MetaMethod.List,
                new ListReq { Path = MetaFixture.At("/"), Limit = limit }
            )
        );

        page.Entries.Select(e => e.Name).Should().Equal("a", "b");
        page.More.Should().BeFalse();
    }

    [Fact]
    public async Task Stat_SymbolicLinks_FollowsUpToTheLimit()
    {
        var file = await _fs.CreateAsync("/f");
        await _fs.SymlinkAsync("/l0", "f");
        for (var i = 1; i <= 4; i++)
        {
            await _fs.SymlinkAsync($"/l{i}", $"/l{i - 1}");
        }
        await _fs.SymlinkAsync("/loop", "loop");
        await _fs.SymlinkAsync("/dangling", "nowhere");

        (await _fs.StatAsync("/l3", AtFlags.SymlinkFollow)).Id.Should().Be(file.Id);
        (await _fs.TryStatAsync("/l4", AtFlags.SymlinkFollow))
            .Status.Code.Should()
            .Be(StatusCode.MetaTooManySymlinks);
        (await _fs.TryStatAsync("/loop", AtFlags.SymlinkFollow))
            .Status.Code.Should()
            .Be(StatusCode.MetaTooManySymlinks);
        (await _fs.TryStatAsync("/dangling", AtFlags.SymlinkFollow))
            .Status.Code.Should()
            .Be(StatusCode.MetaNotFound);
        (await _fs.StatAsync("/dangling")).Type.Should().BeOfType<SymlinkInode>();
    }

    [Fact]
    public async Task Create_ThroughDanglingLink_MakesItsTarget()
    {
        await _fs.MakeDirectoryAsync("/d");
        await _fs.SymlinkAsync("/link", "d/new");

        var made = await _fs.TryCreateAsync("/link", OpenFlags.Create);

        made.HasValue.Should().BeTrue();
        (await _fs.StatAsync("/d/new")).Id.Should().Be(made.Value.Stat.Id);
    }

    [Fact]
    public async Task List_TenThousandEntries_PagesInByteOrder()
    {
        await _fs.MakeDirectoryAsync("/big");
        await Parallel.ForAsync(
            0,
            10_000,
            new ParallelOptions { MaxDegreeOfParallelism = 32 },
            async (i, _) => await _fs.CreateAsync($"/big/{i:d5}")
        );

        var names = await _fs.ListAsync("/big");

        names.Should().Equal(Enumerable.Range(0, 10_000).Select(i => $"{i:d5}"));
    }

    [Fact]
    public async Task Create_UnusualNames_SurvivesRoundTrip()
    {
        var longest = new string('x', 255);
        // 128 characters of two bytes are 256 bytes.
        var tooLong = new string('ä', 128);
        var notUtf8 = "a\uDCFFb";
        foreach (var name in new[] { longest, "日本語", "a b\tc", notUtf8 })
        {
            await _fs.CreateAsync($"/{name}");
        }

        var names = await _fs.ListAsync("/");

        names.Should().BeEquivalentTo(longest, "日本語", "a b\tc", notUtf8);
        names.Should().BeInAscendingOrder(SerdeText.ByteOrder);
        (await _fs.TryCreateAsync($"/{tooLong}"))
            .Status.Code.Should()
            .Be(StatusCode.MetaNameTooLong);
        Encoding.UTF8.GetByteCount(tooLong).Should().Be(256);
    }

    [Fact]
    public async Task Remove_RepeatedRequest_IsAnsweredAgain()
    {
        await _fs.CreateAsync("/f");
        var request = Guid.NewGuid();

        (await _fs.RemoveAsync("/f", request: request)).Should().Be(StatusCode.Ok);
        await _fs.CreateAsync("/f");
        (await _fs.RemoveAsync("/f", request: request)).Should().Be(StatusCode.Ok);

        (await _fs.ListAsync("/")).Should().Equal("f");
        (await _fs.RemoveAsync("/none")).Should().Be(StatusCode.MetaNotFound);
    }

    [Fact]
    public async Task Remove_TypeDoesNotMatch_IsRefused()
    {
        await _fs.MakeDirectoryAsync("/d");
        await _fs.CreateAsync("/f");

        (await _fs.RemoveAsync("/d")).Should().Be(StatusCode.MetaIsDirectory);
        (await _fs.RemoveAsync("/f", AtFlags.RemoveDirectory))
            .Should()
            .Be(StatusCode.MetaNotDirectory);
        (await _fs.RemoveAsync("/")).Should().Be(StatusCode.InvalidArg);
        (await _fs.RemoveAsync("/d/..")).Should().Be(StatusCode.InvalidArg);
        (await _fs.RemoveAsync("/f", checkType: false)).Should().Be(StatusCode.Ok);
    }
}
