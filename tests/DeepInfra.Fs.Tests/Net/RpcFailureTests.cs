// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Sockets;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Net;

/// <summary>Calls that are cancelled, time out or lose their server.</summary>
public sealed class RpcFailureTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task CallAsync_LostBeforeItWasSent_SaysSoAndOnlyThen()
    {
        using var listener = new Socket(
            AddressFamily.InterNetwork,
            SocketType.Stream,
            ProtocolType.Tcp
        );
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        await using var connection = await RpcConnection.ConnectAsync(
            (IPEndPoint)listener.LocalEndPoint!,
            new RpcOptions()
        );
        using var silentPeer = await listener.AcceptAsync();
        var large = new WriteReq();
        large.Payload.Inlinebuf.Data = new InlineData(new byte[32 << 20]);

        // The peer reads nothing, so the first request stays half-way and the second one behind it.
        var first = connection
            .CallAsync<WriteReq, BatchReadRsp>(3, StorageMethod.Write, large, s_timeout)
            .AsTask();
        var second = connection
            .CallAsync<EchoMessage, EchoMessage>(
                ServiceId.Core,
                CoreMethod.Echo,
                new EchoMessage { Str = "x" },
                s_timeout
            )
            .AsTask();
        connection.Abort(new Status(StatusCode.RpcSocketClosed, "on purpose"));

        (await first).Status.Code.Should().Be(StatusCode.RpcTimeout);
        (await second).Status.Code.Should().Be(StatusCode.RpcSendFailed);
        (await second).Status.Message.Should().Contain("on purpose");
    }

    [Fact]
    public async Task CallAsync_NobodyListens_ReturnsConnectFailed()
    {
        NodeAddress address;
        await using (var server = new EchoServer())
        {
            address = server.Address;
        }

        await using var client = new RpcClient(new RpcOptions());
        var result = await client.CallAsync<EchoMessage, EchoMessage>(
            address,
            ServiceId.Core,
            CoreMethod.Echo,
            new EchoMessage(),
            s_timeout
        );

        result.Status.Code.Should().Be(StatusCode.RpcConnectFailed);
        result.Status.Message.Should().Contain(address.ToEndPoint().ToString());
    }

    [Fact]
    public async Task CallAsync_HostSilent_CallersShareOneAttempt()
    {
        // A listener whose queue is full answers no further connection attempts.
        using var listener = new Socket(
            AddressFamily.InterNetwork,
            SocketType.Stream,
            ProtocolType.Tcp
        );
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(0);
        var fillers = new List<Socket>();
        for (var i = 0; i < 8; i++)
        {
            var filler = new Socket(
                AddressFamily.InterNetwork,
                SocketType.Stream,
                ProtocolType.Tcp
            );
            fillers.Add(filler);
            _ = filler.ConnectAsync(listener.LocalEndPoint!);
        }

        await Task.Delay(50);
        await using var client = new RpcClient(
            new RpcOptions { ConnectTimeout = TimeSpan.FromMilliseconds(500) }
        );

        var results = await Task.WhenAll(
            Enumerable
                .Range(0, 20)
                .Select(_ =>
                    client
                        .CallAsync<EchoMessage, EchoMessage>(
                            NodeAddress.From((IPEndPoint)listener.LocalEndPoint!),
                            ServiceId.Core,
                            CoreMethod.Echo,
                            new EchoMessage(),
                            s_timeout
                        )
                        .AsTask()
                )
        );

        results.Should().OnlyContain(r => r.Status.Code == StatusCode.RpcConnectFailed);
        client.ConnectAttempts.Should().BeInRange(1, 10);
        fillers.ForEach(f => f.Dispose());
    }

    [Fact]
    public async Task CallAsync_ServerDies_EndsInTimeoutAndReconnectsLater()
    {
        await using var client = new RpcClient(new RpcOptions());
        var server = new EchoServer { Delay = _ => 60_000 };
        var call = server.EchoAsync(client, "lost").AsTask();
        await EchoServer.WaitUntilAsync(() => server.Listener.RequestsInProcessing == 1);

        await server.DisposeAsync();
        var result = await call.WaitAsync(s_timeout);
        await using var second = new EchoServer(port: server.Listener.EndPoint.Port);
        var again = await second.EchoAsync(client, "back");

        result.Status.Code.Should().Be(StatusCode.RpcTimeout);
        result.Status.Message.Should().Contain(server.Listener.EndPoint.ToString());
        again.Value.Str.Should().Be("back");
    }

    [Fact]
    public async Task CallAsync_NoAnswerInTime_ReturnsTimeoutAndDropsTheLateAnswer()
    {
        await using var server = new EchoServer { Delay = _ => 300 };
        await using var client = new RpcClient(new RpcOptions());

        var late = await server.EchoAsync(client, "late", TimeSpan.FromMilliseconds(50));
        server.Delay = _ => 0;
        await Task.Delay(400, TestContext.Current.CancellationToken);
        var next = await server.EchoAsync(client, "next");

        late.Status.Code.Should().Be(StatusCode.RpcTimeout);
        next.Value.Str.Should().Be("next");
    }

    [Fact]
    public async Task CallAsync_Cancelled_ThrowsAndLeavesTheConnectionUsable()
    {
        await using var server = new EchoServer { Delay = _ => 10_000 };
        await using var client = new RpcClient(new RpcOptions());
        using var source = new CancellationTokenSource();

        var call = client
            .CallAsync<EchoMessage, EchoMessage>(
                server.Address,
                ServiceId.Core,
                CoreMethod.Echo,
                new EchoMessage { Str = "x" },
                s_timeout,
                cancellationToken: source.Token
            )
            .AsTask();
        await source.CancelAsync();
        var act = async () => await call;

        await act.Should().ThrowAsync<OperationCanceledException>();
        server.Delay = _ => 0;
        (await server.EchoAsync(client, "next")).Value.Str.Should().Be("next");
    }

    [Fact]
    public async Task CallAsync_RequestDropped_TimesOut()
    {
        await using var server = new EchoServer(
            new RpcOptions { OnRequest = _ => new ValueTask<RpcFaultAction>(RpcFaultAction.Drop) }
        );
        await using var client = new RpcClient(new RpcOptions());

        var result = await server.EchoAsync(client, "x", TimeSpan.FromMilliseconds(100));

        result.Status.Code.Should().Be(StatusCode.RpcTimeout);
        server.Listener.RequestsInProcessing.Should().Be(0);
    }

    [Fact]
    public async Task CallAsync_AnswerReplacedByClose_EndsInTimeout()
    {
        await using var server = new EchoServer(
            new RpcOptions
            {
                OnReply = _ => new ValueTask<RpcFaultAction>(RpcFaultAction.CloseConnection),
            }
        );
        await using var client = new RpcClient(new RpcOptions());

        var result = await server.EchoAsync(client, "x");

        result.Status.Code.Should().Be(StatusCode.RpcTimeout);
        result.Status.Message.Should().Contain("lost");
    }
}
