// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Metadata;

/// <summary>
/// Users × mode bits × requests, each verdict compared with the oracle's. The default run gives the user's own
/// class each of the eight digits and the other two classes the opposite one, so that a bit read from the wrong
/// class shows; the slow run takes all 512 modes, and all pairs of digits where two directories matter.
/// </summary>
public sealed class PermissionMatrixTests : IAsyncLifetime
{
    private static readonly UserInfo[] s_users =
    [
        // The owner, in the group and not: the owner's bits decide in both cases.
        User(10, 20, 7),
        User(10, 99, 7),
        // Members by primary group and by list.
        User(11, 20, 7),
        User(12, 99, 3, 20),
        // The number of the owner as a group says nothing.
        User(13, 10, 21),
        User(0, 0),
    ];

    private MetaFixture _fs = null!;
    private RawClient _owner = null!;

    public async ValueTask InitializeAsync()
    {
        _fs = await MetaFixture.StartAsync();
        _owner = await _fs.ClientAsync(10, 20);
    }

    public async ValueTask DisposeAsync()
    {
        await _owner.DisposeAsync();
        await _fs.DisposeAsync();
    }

    [Fact]
    public Task File_ByUserAndMode_AnswersAsPosix() =>
        CheckAsync(Digits, m => new() { File = m[0] }, PermissionOperations.OnFile);

    [Fact]
    public Task Directory_ByUserAndMode_AnswersAsPosix() =>
        CheckAsync(Digits, m => new() { Directory = m[0] }, PermissionOperations.OnDirectory);

    [Fact]
    public Task TwoDirectories_ByUserAndModes_AnswerAsPosix() =>
        CheckAsync(SomePairs, TwoDirectories, PermissionOperations.AcrossDirectories);

    [Fact]
    public Task Tree_ByUserAndModes_IsRemovedByItsOwnerOnly() =>
        CheckAsync(SomePairs, TreeInTree, [PermissionOperations.RemoveTree]);

    [Theory]
    [InlineData(10, 10)]
    [InlineData(13, 10)]
    [InlineData(10, 11)]
    public Task Tree_WithForeignDirectory_IsKept(uint treeOwner, uint subOwner) =>
        CheckAsync(
            _ =>
                [
                    [0],
                ],
            _ =>
                new()
                {
                    WithTree = true,
                    EntryOwner = treeOwner,
                    SubOwner = subOwner,
                },
            [PermissionOperations.RemoveTree]
        );

    [Theory]
    [InlineData(10, 10)]
    [InlineData(10, 13)]
    [InlineData(13, 10)]
    [InlineData(0, 12)]
    public Task StickyDirectory_ByOwners_AnswersAsPosix(uint directoryOwner, uint entryOwner) =>
        CheckAsync(
            _ =>
                [
                    [0x3FF],
                    [0x3DB],
                    [0x3F8],
                ],
            m =>
                new()
                {
                    Directory = m[0],
                    DirectoryOwner = directoryOwner,
                    EntryOwner = entryOwner,
                },
            PermissionOperations.Sticky
        );

    [Fact]
    [Trait("Category", "Slow")]
    public Task File_ByUserAndEveryMode_AnswersAsPosix() =>
        CheckAsync(AllModes, m => new() { File = m[0] }, PermissionOperations.OnFile);

    [Fact]
    [Trait("Category", "Slow")]
    public Task Directory_ByUserAndEveryMode_AnswersAsPosix() =>
        CheckAsync(AllModes, m => new() { Directory = m[0] }, PermissionOperations.OnDirectory);

    [Fact]
    [Trait("Category", "Slow")]
    public Task TwoDirectories_ByUserAndEveryPair_AnswerAsPosix() =>
        CheckAsync(AllPairs, TwoDirectories, PermissionOperations.AcrossDirectories);

    [Fact]
    [Trait("Category", "Slow")]
    public Task Tree_ByUserAndEveryPair_IsRemovedByItsOwnerOnly() =>
        CheckAsync(AllPairs, TreeInTree, [PermissionOperations.RemoveTree]);

    private static UserInfo User(uint uid, uint gid, params uint[] groups) =>
        new()
        {
            Uid = uid,
            Gid = gid,
            Groups = [.. groups],
        };

    private static PermissionScene.Modes TwoDirectories(uint[] modes) =>
        new()
        {
            Directory = modes[0],
            Other = modes[1],
            // The directory that moves: writable for every class or for none.
            Entry = (modes[0] ^ modes[1]) % 2 == 0 ? 0x1FFu : 0x16Du,
        };

    private static PermissionScene.Modes TreeInTree(uint[] modes) =>
        new()
        {
            WithTree = true,
            Tree = modes[0],
            Sub = modes[1],
        };

    private static IEnumerable<uint[]> AllModes(UserInfo user) =>
        Enumerable.Range(0, 512).Select(m => new[] { (uint)m });

    private static IEnumerable<uint[]> Digits(UserInfo user) =>
        Enumerable.Range(0, 8).Select(d => new[] { Mode(user, d) });

    private static IEnumerable<uint[]> AllPairs(UserInfo user) =>
        from a in Enumerable.Range(0, 8)
        from b in Enumerable.Range(0, 8)
        select new[] { Mode(user, a), Mode(user, b) };

    /// <summary>One of the two lacks something, or both lack the same.</summary>
    private static IEnumerable<uint[]> SomePairs(UserInfo user) =>
        from d in Enumerable.Range(0, 8)
        from pair in new[] { (d, 7), (7, d) }
        select new[] { Mode(user, pair.Item1), Mode(user, pair.Item2) };

    /// <summary>The digit for the user's class, the opposite one for the others.</summary>
    private static uint Mode(UserInfo user, int digit)
    {
        var shift =
            user.Uid == 10 ? 6
            : user.Gid == 20 || user.Groups.Contains(20) ? 3
            : 0;
        var opposite = (7 - digit) * 0b001_001_001;
        return (uint)((opposite & ~(7 << shift)) | (digit << shift));
    }

    private async Task CheckAsync(
        Func<UserInfo, IEnumerable<uint[]>> modes,
        Func<uint[], PermissionScene.Modes> scene,
        IReadOnlyList<PermissionOperation> operations
    )
    {
        var wrong = new ConcurrentBag<string>();
        var allowed = 0;
        var denied = 0;
        foreach (var user in s_users)
        {
            await using var client = await _fs.ClientAsync(user.Uid, user.Gid, [.. user.Groups]);
            await Parallel.ForEachAsync(
                modes(user),
                // Many at a time share the system calls.
                new ParallelOptions { MaxDegreeOfParallelism = 64 },
                async (mode, _) =>
                {
                    PermissionScene? current = null;
                    foreach (var operation in operations)
                    {
                        current ??= await PermissionScene.MakeAsync(_fs, _owner, scene(mode));
                        var expected = operation.Allowed(current, user);
                        Interlocked.Increment(ref expected ? ref allowed : ref denied);
                        var code = await operation.Run(current, client);
                        if (code != (expected ? StatusCode.Ok : StatusCode.MetaNoPermission))
                        {
                            wrong.Add(
                                $"{operation.Name} by {user.Uid}:{user.Gid} at "
                                    + $"{string.Join('/', mode.Select(m => Convert.ToString(m, 8)))}: "
                                    + $"{code}, POSIX {(expected ? "allows" : "denies")} it"
                            );
                        }
                        if (code == StatusCode.Ok && operation.Changes)
                        {
                            current = null;
                        }
                    }
                }
            );
        }

        wrong.Order().Take(20).Should().BeEmpty();
        allowed.Should().BePositive();
        denied.Should().BePositive();
    }
}
