// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Tests.Metadata;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Manager;

/// <summary>The nodes that a cluster runs itself, in the registry that anybody may write to.</summary>
public sealed class OwnNodeTests
{
    [Theory]
    [InlineData(100u)]
    [InlineData(10_001u)]
    public async Task OwnNode_RegisteredAsSomethingElse_IsBackAfterARestart(uint node)
    {
        using var temp = new TempDirectory();
        await using (
            var fs = await MetaFixture.StartAsync(o => o with { DataDirectory = temp["c"] })
        )
        {
            await fs.Cluster.Manager.Routing.ChangeAsync(draft =>
            {
                draft.SetNode(
                    new NodeInfo
                    {
                        App = new FbsAppInfo { NodeId = node },
                        Type = NodeType.Fuse,
                    }
                );
                return true;
            });
        }

        await using var again = await ThreeFsCluster.StartAsync(TestCluster.Options(temp["c"]));

        var found = again.Manager.Routing.Current.Nodes[node];
        found.Type.Should().Be(node == 10_001 ? NodeType.Storage : NodeType.Meta);
        found.Status.Should().Be(NodeStatus.HeartbeatConnected);
    }
}
