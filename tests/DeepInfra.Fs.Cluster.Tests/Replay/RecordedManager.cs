// SPDX-License-Identifier: MIT
using System.Net;
using DeepInfra.Fs.Cluster.Faults;
using DeepInfra.Fs.Cluster.KeyValue;
using DeepInfra.Fs.Cluster.Manager;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Tests;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Replay;

/// <summary>Our manager in the place of the recorded one: the same identity, and the time of the recording.</summary>
internal sealed class RecordedManager : IAsyncDisposable
{
    /// <summary>
    /// Not compared: texts for people; the count of changes, which a timer of the recorded server moves; and what depends on
    /// the microsecond at which the recorded server looked: its times, and the sizes that it had heard of by then.
    /// </summary>
    private static readonly HashSet<string> s_ignored =
    [
        "msg",
        "routingInfoVersion",
        "lastHeartbeatTs",
        "lastExtend",
        "start",
        "usedSize",
    ];

    private readonly KeyValueStore _store;
    private readonly NodeClock _clock;
    private readonly ManagerService _manager;
    private readonly RpcListener _listener;

    private RecordedManager(string directory)
    {
        _store = KeyValueStore.Open(directory, DurabilityMode.None);
        _clock = new NodeClock();
        _manager = new ManagerService("golden", 1, TimeSpan.FromSeconds(60), _store, clock: _clock);
        _listener = new RpcListener(
            new IPEndPoint(IPAddress.Loopback, 0),
            new RpcServiceTable(_manager.CreateService(), CoreService.CreateService())
        );
    }

    public RoutingInfo Routing => _manager.Routing.Current;

    public static async Task<RecordedManager> StartAsync(string directory)
    {
        var manager = new RecordedManager(directory);
        await manager._manager.StartAsync(Self());
        return manager;
    }

    public Task<List<string>> ReplayAsync(
        string name,
        IReadOnlyDictionary<int, long>? starts = null
    )
    {
        if (starts is not null)
        {
            _clock.Skew(TimeSpan.FromMicroseconds(starts.Values.Min() - _clock.Now()));
        }
        return Transcript.ReplayAsync(
            name,
            _listener.EndPoint,
            s_ignored,
            starts,
            // The replay is faster than the recording: the rest of the time passes here.
            time => _clock.Advance(TimeSpan.FromMicroseconds(Math.Max(0, time - _clock.Now())))
        );
    }

    public async ValueTask DisposeAsync()
    {
        await _listener.DisposeAsync();
        _manager.Dispose();
        _store.Dispose();
    }

    /// <summary>What the recorded manager told of itself.</summary>
    private static NodeInfo Self()
    {
        var answer = Golden
            .Load("transcripts/mgmtd-setup-8000")
            .GetProperty("connections")[0]
            .GetProperty("messages")
            .EnumerateArray()
            .First(m => m.String("dir") == "s2c" && m.String("call") == "Mgmtd.getRoutingInfo")
            .Hex("hex");
        var packet = Serde.Read<MessagePacket>(answer.AsSpan(FrameHeader.Bytes));
        var info = Serde
            .Read<
                Result<GetRoutingInfoRsp>,
                ResultOf<GetRoutingInfoRsp, StructOf<GetRoutingInfoRsp>>
            >(SerdeText.ToBytes(packet.Payload))
            .Value.Info!;
        var recorded = info.Nodes[1];
        return new NodeInfo { App = recorded.App, Type = recorded.Type };
    }
}
