// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Sockets;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Net;

/// <summary>A listener survives whatever arrives on its port.</summary>
public sealed class FrameFuzzTests
{
    [Fact]
    public async Task Listener_DamagedFrames_GoesOnServing()
    {
        var core = new RpcService(ServiceId.Core, "Core").Map<EchoMessage, EchoMessage>(
            CoreMethod.Echo,
            "echo",
            (request, _) => new ValueTask<Result<EchoMessage>>(request)
        );
        await using var listener = new RpcListener(
            new IPEndPoint(IPAddress.Loopback, 0),
            new RpcServiceTable(core)
        );
        var good = FrameTests.Flatten(
            FrameEncoder.Encode<EchoMessage, StructOf<EchoMessage>>(
                new PacketHeader
                {
                    Uuid = 1,
                    ServiceId = ServiceId.Core,
                    MethodId = CoreMethod.Echo,
                    Flags = PacketFlags.IsRequest,
                },
                new EchoMessage { Str = new string('x', 20_000) }
            )
        );
        var random = new Random(1);
        for (var i = 0; i < 150; i++)
        {
            var bytes = (byte[])good.Clone();
            for (var flips = random.Next(1, 5); flips > 0; flips--)
            {
                bytes[random.Next(random.Next(2) == 0 ? 60 : bytes.Length)] ^= (byte)(
                    1 << random.Next(8)
                );
            }

            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(listener.EndPoint);
            await socket.SendAsync(
                bytes.AsMemory(0, random.Next(3) == 0 ? random.Next(bytes.Length) : bytes.Length)
            );
        }

        await using var client = new RpcClient(new RpcOptions());
        var result = await client.CallAsync<EchoMessage, EchoMessage>(
            listener.Address,
            ServiceId.Core,
            CoreMethod.Echo,
            new EchoMessage { Str = "alive" },
            TimeSpan.FromSeconds(10)
        );

        result.Value.Str.Should().Be("alive");
        for (
            var i = 0;
            i < 500 && (listener.ConnectionCount > 1 || listener.RequestsInProcessing > 0);
            i++
        )
        {
            await Task.Delay(10);
        }

        listener.ConnectionCount.Should().Be(1);
        listener.RequestsInProcessing.Should().Be(0);
    }
}
