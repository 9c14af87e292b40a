// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Faults;
using DeepInfra.Fs.Cluster.KeyValue;
using DeepInfra.Fs.Cluster.Manager;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Manager;

/// <summary>Chains of several targets in the manager's hands, with nodes that are reports and nothing else.</summary>
public sealed class ManagerChainTests : IDisposable
{
    private const string Cluster = "stage";
    private const uint Chain = 900_001;

    // So long that the time which the test itself takes does not matter.
    private static readonly TimeSpan s_failAfter = TimeSpan.FromSeconds(10_000);
    private static readonly TimeSpan s_step = s_failAfter / 10;

    private readonly TempDirectory _directory = new();
    private readonly NodeClock _clock = new();
    private KeyValueStore _store;
    private ManagerService _manager;
    private ulong _reports;

    public ManagerChainTests()
    {
        (_store, _manager) = Open();
    }

    public void Dispose()
    {
        _manager.Dispose();
        _store.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task NewChain_AllReport_ServesWithoutAChange(int count)
    {
        await StartAsync(count);

        for (var target = 1; target <= count; target++)
        {
            await ReportAsync(target);
        }
        await PassAsync(s_failAfter * 2, reporting: [.. Enumerable.Range(1, count)]);

        Targets().Should().Be(string.Join(' ', Enumerable.Range(1, count).Select(t => $"{t}S")));
        Version().Should().Be(1);
    }

    [Theory]
    [InlineData(2, 2, "1S 2O")]
    [InlineData(2, 1, "2S 1O")]
    [InlineData(3, 2, "1S 3S 2O")]
    [InlineData(3, 1, "2S 3S 1O")]
    [InlineData(3, 3, "1S 2S 3O")]
    public async Task NewChain_OneNeverReports_StopsServingThere(
        int count,
        int silent,
        string expected
    )
    {
        await StartAsync(count);
        int[] others = [.. Enumerable.Range(1, count).Where(t => t != silent)];

        await PassAsync(s_failAfter / 2, others);
        var grace = Targets();
        await PassAsync(s_failAfter, others);

        grace.Should().NotContain("O", "its node may still be starting");
        Targets().Should().Be(expected);
        Version().Should().Be(2);
    }

    [Theory]
    [InlineData(1, "1L")]
    [InlineData(2, "1L 2O")]
    [InlineData(3, "1L 2O 3O")]
    public async Task NewChain_NobodyReports_LastServingIsTheFirst(int count, string expected)
    {
        await StartAsync(count);

        await PassAsync(s_failAfter + s_step);

        Targets().Should().Be(expected);
    }

    [Fact]
    public async Task NewChain_SecondReportsInTime_Serves()
    {
        await StartAsync(2);

        await PassAsync(s_failAfter / 2, 1);
        await ReportAsync(2);
        await PassAsync(s_failAfter, 1, 2);

        Targets().Should().Be("1S 2S");
        Version().Should().Be(1);
    }

    [Theory]
    [InlineData(2, "1S 2Y")]
    [InlineData(3, "1S 3S 2Y")]
    public async Task NewChain_SecondReportsTooLate_HasToBeBroughtUpToDate(
        int count,
        string expected
    )
    {
        await StartAsync(count);
        int[] others = [.. Enumerable.Range(1, count).Where(t => t != 2)];
        await PassAsync(s_failAfter + s_step, others);

        await ReportAsync(2, LocalTargetState.UpToDate);
        var claims = Targets();
        await ReportAsync(2, LocalTargetState.Online);
        var synchronises = Targets();
        await ReportAsync(2, LocalTargetState.UpToDate);

        claims.Should().EndWith("2W", "nobody has brought it up to date");
        synchronises.Should().Be(expected);
        Targets().Should().Be(expected.Replace("2Y", "2S", StringComparison.Ordinal));
    }

    [Fact]
    public async Task NewChain_NodeFailsAfterItsReport_StopsServingThere()
    {
        await StartAsync(2);
        await ReportAsync(1);
        await ReportAsync(2);

        await PassAsync(s_failAfter + s_step, 1);

        Targets().Should().Be("1S 2O");
    }

    [Theory]
    [InlineData(1, "1L")]
    [InlineData(2, "1L 2O")]
    [InlineData(3, "1L 2O 3O")]
    public async Task Start_ChainThatNobodyReported_IsDownUntilItsNodesReport(
        int count,
        string expected
    )
    {
        await StartAsync(count);
        Restart();

        await _manager.StartAsync(Self());
        var down = Targets();
        await ReportAsync(1);

        down.Should().Be(expected);
        Targets().Should().StartWith("1S");
        Targets().Should().NotContain("2S").And.NotContain("3S");
    }

    [Fact]
    public async Task Report_TargetIsMissing_StopsServingThere()
    {
        await StartAsync(2);
        await ReportAsync(1);
        await ReportAsync(2);

        await SendAsync(Node(2));

        Targets().Should().Be("1S 2O", "the node lives without the target");
    }

    [Fact]
    public async Task Report_FromBeforeAChangeOfTheChain_ChangesNothing()
    {
        await StartAsync(2);
        await ReportAsync(1);
        await ReportAsync(2);
        await _manager.MarkFailedAsync(Node(2));
        await ReportAsync(2, LocalTargetState.Online);
        var synchronises = Targets();

        await ReportAsync(2, LocalTargetState.UpToDate, chainVersion: 1);

        synchronises.Should().Be("1S 2Y");
        Targets().Should().Be("1S 2Y", "it was up to date before it went down");
        await ReportAsync(2, LocalTargetState.UpToDate, chainVersion: Version());
        Targets().Should().Be("1S 2S");
    }

    [Fact]
    public async Task RotateLast_NextIsUp_Serves()
    {
        await StartAsync(2);
        await ReportAsync(1);
        await ReportAsync(2);
        await _manager.MarkFailedAsync(Node(1), Node(2));
        await ReportAsync(2, LocalTargetState.Online);
        var waiting = Targets();

        await _manager.RotateLastAsync(
            new RotateLastSrvReq { ClusterId = Cluster, ChainId = Chain },
            CancellationToken.None
        );

        waiting.Should().Be("1L 2W");
        Targets().Should().Be("2S 1O");
    }

    private (KeyValueStore Store, ManagerService Manager) Open()
    {
        var store = KeyValueStore.Open(_directory["meta"], DurabilityMode.None);
        return (store, new ManagerService(Cluster, 1, s_failAfter, store, null, _clock));
    }

    private void Restart()
    {
        _manager.Dispose();
        _store.Dispose();
        (_store, _manager) = Open();
    }

    private static NodeInfo Self() =>
        new()
        {
            App = new FbsAppInfo { NodeId = 1 },
            Type = NodeType.Mgmtd,
        };

    private async Task StartAsync(int count)
    {
        await _manager.StartAsync(Self());
        await _manager.SetChainsAsync(
            new SetChainsReq
            {
                ClusterId = Cluster,
                Chains =
                [
                    new ChainSetting
                    {
                        ChainId = Chain,
                        Targets =
                        [
                            .. Enumerable
                                .Range(1, count)
                                .Select(t => new ChainTargetSetting { TargetId = (ulong)t }),
                        ],
                    },
                ],
            },
            CancellationToken.None
        );
    }

    private static uint Node(int target) => 10_000 + (uint)target;

    private Task ReportAsync(
        int target,
        LocalTargetState state = LocalTargetState.UpToDate,
        uint chainVersion = 0
    ) =>
        SendAsync(
            Node(target),
            new LocalTargetInfo
            {
                TargetId = (ulong)target,
                LocalState = state,
                ChainVersion = chainVersion,
            }
        );

    private async Task SendAsync(uint node, params LocalTargetInfo[] targets) =>
        await _manager.HeartbeatAsync(
            new HeartbeatReq
            {
                ClusterId = Cluster,
                Timestamp = _clock.Now(),
                Info = new HeartbeatInfo
                {
                    App = new FbsAppInfo { NodeId = node },
                    Info = new StorageHeartbeatInfo { Targets = [.. targets] },
                    HbVersion = ++_reports,
                },
            },
            CancellationToken.None
        );

    /// <summary>Lets time pass in steps, with a report of each living node and a check in each.</summary>
    private async Task PassAsync(TimeSpan time, params int[] reporting)
    {
        for (var passed = TimeSpan.Zero; passed < time; passed += s_step)
        {
            _clock.Advance(s_step);
            foreach (var target in reporting)
            {
                await ReportAsync(target);
            }
            await _manager.CheckAsync();
        }
    }

    private string Targets() =>
        string.Join(
            ' ',
            _manager
                .Routing.Current.Chains[Chain]
                .Targets.Select(t =>
                    $"{t.TargetId}{(t.PublicState == PublicTargetState.Syncing ? 'Y' : $"{t.PublicState}"[0])}"
                )
        );

    private uint Version() => _manager.Routing.Current.Chains[Chain].ChainVersion;
}
