// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Storage;
using DeepInfra.Fs.Cluster.Tests.Chunks;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Storage;

/// <summary>What a node may do in a chain, by the states of the chain's members. The node has target 7.</summary>
public sealed class ChainMapTests : IDisposable
{
    private const uint Chain = 900_001;

    private readonly ChunkFixture _chunks = new();
    private readonly LocalTarget _target;

    public ChainMapTests()
    {
        _target = new LocalTarget(_chunks.Target, new TargetSettings { TargetId = 7 });
    }

    public void Dispose() => _chunks.Dispose();

    // S serving, L last serving, Y syncing, W waiting, O offline; 7 is this node's target.
    [Theory]
    [InlineData("7S", "reads updates head tail")]
    [InlineData("7S 8S", "reads updates head before 8")]
    [InlineData("8S 7S", "reads updates tail")]
    [InlineData("7S 8Y", "reads updates head tail before 8")]
    [InlineData("7S 8W 9O", "reads updates head tail")]
    [InlineData("8S 7S 9Y", "reads updates tail before 9")]
    [InlineData("8S 7Y", "updates")]
    [InlineData("7L 8O", "")]
    [InlineData("8S 7W", "")]
    [InlineData("8S 7O", "")]
    public void Require_MemberStates_DecideWhatIsAllowed(string members, string expected)
    {
        var map = Map(members);
        var id = new VersionedChainId { ChainId = Chain, ChainVer = 3 };

        var words = new List<string>();
        foreach (
            var (word, require) in new[]
            {
                ("reads", (Func<VersionedChainId, ChainView>)map.RequireServing),
                ("updates", map.Require),
            }
        )
        {
            try
            {
                require(id);
                words.Add(word);
            }
            catch (ServiceException e)
            {
                e.Status.Code.Should().Be(StatusCode.StorageTargetOffline);
            }
        }
        var view = map.Find(Chain);
        words.AddRange(view.IsHead ? ["head"] : []);
        words.AddRange(view.IsTail ? ["tail"] : []);
        words.AddRange(view.Successor is { } successor ? [$"before {successor}"] : []);

        string.Join(' ', words).Should().Be(expected);
    }

    [Fact]
    public void Require_OtherVersionOrChain_IsRefused()
    {
        var map = Map("7S");

        var older = () => map.Require(new VersionedChainId { ChainId = Chain, ChainVer = 2 });
        var other = () => map.Require(new VersionedChainId { ChainId = Chain + 1, ChainVer = 3 });

        older
            .Should()
            .Throw<ServiceException>()
            .Which.Status.Code.Should()
            .Be(StatusCode.StorageClientRoutingVersionMismatch);
        other
            .Should()
            .Throw<ServiceException>()
            .Which.Status.Code.Should()
            .Be(StatusCode.StorageClientRoutingError);
    }

    private ChainMap Map(string members)
    {
        var routing = new RoutingInfo();
        routing.Chains[Chain] = new ChainInfo
        {
            ChainId = Chain,
            ChainVersion = 3,
            Targets =
            [
                .. members
                    .Split(' ')
                    .Select(m => new ChainTargetInfo
                    {
                        TargetId = (ulong)(m[0] - '0'),
                        PublicState = m[1] switch
                        {
                            'S' => PublicTargetState.Serving,
                            'L' => PublicTargetState.LastSrv,
                            'Y' => PublicTargetState.Syncing,
                            'W' => PublicTargetState.Waiting,
                            _ => PublicTargetState.Offline,
                        },
                    }),
            ],
        };
        return new ChainMap(routing, new Dictionary<ulong, LocalTarget> { [7] = _target });
    }
}
