// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using DeepInfra.Fs.Cluster.KeyValue;
using DeepInfra.Fs.Cluster.Manager;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Tests;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Replay;

/// <summary>Good and malformed frames, answered by our manager as the recorded one answered them.</summary>
public sealed class BehaviourTests
{
    [Fact]
    public async Task RecordedFrames_SentToOurManager_AreAnsweredAlike()
    {
        using var temp = new TempDirectory();
        using var store = KeyValueStore.Open(temp["meta"], DurabilityMode.None);
        using var manager = new ManagerService("golden", 1, TimeSpan.FromSeconds(60), store);
        await using var listener = new RpcListener(
            new IPEndPoint(IPAddress.Loopback, 0),
            new RpcServiceTable(manager.CreateService()),
            new RpcOptions { Compressor = new ZstdFrameCompressor() }
        );
        await manager.StartAsync(
            new NodeInfo
            {
                App = NodeIdentity.App(1, listener.EndPoint, ServiceName.Mgmtd),
                Type = NodeType.Mgmtd,
            }
        );

        var entries = Golden.Entries("server_behaviour").ToList();
        var outcomes = await Task.WhenAll(
            entries.Select(e =>
                SendAsync(
                    listener.EndPoint,
                    e.Hex("sentHex"),
                    e.GetProperty("repliesHex").GetArrayLength()
                )
            )
        );

        foreach (var (entry, (closed, codes)) in entries.Zip(outcomes))
        {
            var expected = entry
                .GetProperty("replies")
                .EnumerateArray()
                .Select(r => r.GetProperty("result"))
                .Select(r =>
                    r.TryGetProperty("$error", out var e) ? e.GetProperty("code").GetInt32() : 0
                );

            var name = entry.String("case");
            closed.Should().Be(entry.String("connection") == "closed by server", name);
            codes.Should().Equal(expected, name);
        }
    }

    private static async Task<(bool Closed, List<int> Codes)> SendAsync(
        IPEndPoint endPoint,
        byte[] bytes,
        int replies
    )
    {
        using var client = new TcpClient();
        await client.ConnectAsync(endPoint);
        var stream = client.GetStream();
        await stream.WriteAsync(bytes);
        var codes = new List<int>();
        var header = new byte[8];
        for (var i = 0; i < replies; i++)
        {
            await stream.ReadExactlyAsync(header).AsTask().WaitAsync(TimeSpan.FromSeconds(20));
            var body = new byte[BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(4))];
            await stream.ReadExactlyAsync(body);
            var payload = SerdeText.ToBytes(Serde.Read<MessagePacket>(body).Payload);
            codes.Add(
                payload[0] == 1 ? 0 : BinaryPrimitives.ReadUInt16LittleEndian(payload.AsSpan(1))
            );
        }
        // A server that closes does so at once; one that stays open sends nothing more.
        using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        try
        {
            return (await stream.ReadAsync(header, limit.Token) == 0, codes);
        }
        catch (OperationCanceledException)
        {
            return (false, codes);
        }
        catch (IOException)
        {
            return (true, codes);
        }
    }
}
