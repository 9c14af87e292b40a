// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Sockets;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Net;

/// <summary>The serving side: limits, stopping, damaged frames.</summary>
public sealed class RpcListenerTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task CallAsync_TooManyRequests_RefusesTheRest()
    {
        await using var server = new EchoServer(new RpcOptions { MaxRequestsInProcessing = 2 })
        {
            Delay = _ => 300,
        };
        await using var client = new RpcClient(new RpcOptions());

        var results = await Task.WhenAll(
            Enumerable.Range(0, 5).Select(_ => server.EchoAsync(client, "x").AsTask())
        );

        results.Count(r => r.HasValue).Should().Be(2);
        results
            .Where(r => !r.HasValue)
            .Should()
            .AllSatisfy(r => r.Status.Code.Should().Be(StatusCode.RpcRequestRefused));
    }

    [Fact]
    public async Task Listener_RequestsHoldTooMuchMemory_StopsReadingUntilTheyAreDone()
    {
        var release = new TaskCompletionSource();
        var entered = 0;
        var most = 0;
        var storage = new RpcService(ServiceId.Storage, "Storage").Map<WriteReq, WriteRsp>(
            StorageMethod.Write,
            "slow",
            async (_, _) =>
            {
                most = Math.Max(most, Interlocked.Increment(ref entered));
                await release.Task;
                return new WriteRsp();
            }
        );
        await using var listener = new RpcListener(
            new IPEndPoint(IPAddress.Loopback, 0),
            new RpcServiceTable(storage),
            new RpcOptions { MaxBytesInProcessing = 1 << 20 }
        );
        await using var client = new RpcClient(new RpcOptions());
        var request = new WriteReq();
        request.Payload.Inlinebuf.Data = new InlineData(new byte[600_000]);

        var calls = Enumerable
            .Range(0, 10)
            .Select(_ =>
                client
                    .CallAsync<WriteReq, WriteRsp>(
                        listener.Address,
                        ServiceId.Storage,
                        StorageMethod.Write,
                        request,
                        s_timeout
                    )
                    .AsTask()
            )
            .ToList();
        await EchoServer.WaitUntilAsync(() => Volatile.Read(ref entered) == 2);
        await Task.Delay(100);
        var before = Volatile.Read(ref entered);
        release.SetResult();
        var results = await Task.WhenAll(calls);

        before.Should().Be(2);
        results.Should().OnlyContain(r => r.HasValue);
    }

    [Theory]
    [InlineData(100_000, 1)]
    [InlineData(130_000, 2)]
    [InlineData(10_000, 1)]
    public async Task Reserve_AnswersOfOneCaller_StayWithinTheLimit(long limit, int expected)
    {
        var running = 0;
        var most = 0;
        var service = new RpcService(ServiceId.Core, "Core").Map<EchoMessage, EchoMessage>(
            CoreMethod.Echo,
            "echo",
            async (request, call) =>
            {
                await call.Connection.ReserveAsync(60_000);
                call.DisposeAfterReply(new Undo(() => call.Connection.Unreserve(60_000)));
                var now = Interlocked.Increment(ref running);
                InterlockedMax(ref most, now);
                await Task.Delay(2);
                Interlocked.Decrement(ref running);
                return request;
            }
        );
        await using var listener = new RpcListener(
            new IPEndPoint(IPAddress.Loopback, 0),
            new RpcServiceTable(service),
            new RpcOptions { MaxBytesInProcessing = limit }
        );
        await using var client = new RpcClient(new RpcOptions());

        var calls = Enumerable
            .Range(0, 30)
            .Select(i =>
                client
                    .CallAsync<EchoMessage, EchoMessage>(
                        listener.Address,
                        ServiceId.Core,
                        CoreMethod.Echo,
                        new EchoMessage { Str = $"{i}" },
                        TimeSpan.FromSeconds(60)
                    )
                    .AsTask()
            );
        var results = await Task.WhenAll(calls);

        results.Should().OnlyContain(r => r.HasValue);
        most.Should().BeInRange(1, expected);
    }

    private static void InterlockedMax(ref int target, int value)
    {
        int seen;
        while (
            (seen = Volatile.Read(ref target)) < value
            && Interlocked.CompareExchange(ref target, value, seen) != seen
        ) { }
    }

    private sealed class Undo(Action action) : IDisposable
    {
        public void Dispose() => action();
    }

    [Fact]
    public async Task Listener_HeadersThatAnnounceMuch_AllocateLittle()
    {
        await using var server = new EchoServer();
        await using var client = new RpcClient(new RpcOptions());
        var before = GC.GetTotalAllocatedBytes(precise: true);
        var sockets = Enumerable
            .Range(0, 8)
            .Select(_ => new Socket(SocketType.Stream, ProtocolType.Tcp))
            .ToList();
        try
        {
            foreach (var socket in sockets)
            {
                var header = new byte[FrameHeader.Bytes + 100];
                new FrameHeader(FrameHeader.ChecksumOf(0, false), 511u << 20).Write(header);
                await socket.ConnectAsync(server.Listener.EndPoint);
                await socket.SendAsync(header);
            }

            for (var i = 0; i < 100; i++)
            {
                (await server.EchoAsync(client, "the others are read meanwhile"))
                    .HasValue.Should()
                    .BeTrue();
            }
        }
        finally
        {
            sockets.ForEach(s => s.Dispose());
        }

        // Other tests allocate meanwhile; what was announced is 4 GiB.
        (GC.GetTotalAllocatedBytes(precise: true) - before)
            .Should()
            .BeLessThan(2L << 30);
    }

    [Fact]
    public void Listener_PortTaken_SaysSo()
    {
        using var taken = new Socket(
            AddressFamily.InterNetwork,
            SocketType.Stream,
            ProtocolType.Tcp
        );
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        taken.Listen();

        var act = () => new RpcListener((IPEndPoint)taken.LocalEndPoint!, new RpcServiceTable());

        act.Should()
            .Throw<ThreeFsException>()
            .Which.StatusCode.Should()
            .Be(StatusCode.RpcListenFailed);
    }

    [Fact]
    public async Task Listener_IdleConnection_IsClosed()
    {
        var clock = new Fakes.ManualClock();
        await using var server = new EchoServer(
            new RpcOptions { IdleTimeout = TimeSpan.FromHours(1), TimeProvider = clock }
        );
        await using var client = new RpcClient(new RpcOptions());
        await server.EchoAsync(client, "x");

        await clock.AdvanceUntilAsync(
            () => server.Listener.ConnectionCount == 0,
            TimeSpan.FromMinutes(10)
        );

        (await server.EchoAsync(client, "again")).Value.Str.Should().Be("again");
    }

    [Fact]
    public async Task StopAsync_RequestInProcessing_IsAnsweredFirst()
    {
        var server = new EchoServer { Delay = _ => 300 };
        await using var client = new RpcClient(new RpcOptions());
        var call = server.EchoAsync(client, "last").AsTask();
        await EchoServer.WaitUntilAsync(() => server.Listener.RequestsInProcessing == 1);

        await server.Listener.StopAsync(s_timeout);
        var result = await call;

        // The answer is queued before the connection is cut; the cut can still overtake it.
        (result.HasValue || result.Status.Code == StatusCode.RpcTimeout)
            .Should()
            .BeTrue();
        server.Listener.RequestsInProcessing.Should().Be(0);
    }

    [Fact]
    public async Task RecordedServerCases_EveryInput_GetsTheRecordedReaction()
    {
        var zstd = new RpcOptions { Compressor = new ZstdFrameCompressor() };
        await using var server = new RpcListener(
            new IPEndPoint(IPAddress.Loopback, 0),
            new RpcServiceTable(RecordedManager()),
            zstd
        );
        foreach (
            var entry in Golden.Load("server_behaviour").GetProperty("entries").EnumerateArray()
        )
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(server.EndPoint);
            await socket.SendAsync(entry.Hex("sentHex"));
            var replies = string.Concat(
                entry.GetProperty("repliesHex").EnumerateArray().Select(r => r.GetString())
            );
            var closes = entry.String("connection") == "closed by server";

            var received = await ReceiveAsync(socket, replies.Length / 2, closes);

            Sorted(received).Should().Be(Sorted(replies), entry.String("case"));
        }
    }

    /// <summary>Requests that arrive together are answered in either order: compare frames as a set.</summary>
    private static string Sorted(string hex)
    {
        var bytes = Convert.FromHexString(hex == "closed" ? "" : hex);
        var frames = new List<string>();
        for (var i = 0; i < bytes.Length; )
        {
            var size = 8 + (int)FrameHeader.Read(bytes.AsSpan(i)).Size;
            frames.Add(Convert.ToHexStringLower(bytes.AsSpan(i, size)));
            i += size;
        }

        frames.Sort(StringComparer.Ordinal);
        return string.Concat(frames) + (hex == "closed" ? "closed" : "");
    }

    private static async Task<string> ReceiveAsync(Socket socket, int expected, bool closes)
    {
        var received = new List<byte>();
        var buffer = new byte[4096];
        using var silence = new CancellationTokenSource(expected == 0 && !closes ? 100 : 5000);
        try
        {
            while (closes || received.Count < expected || expected == 0)
            {
                var count = await socket.ReceiveAsync(buffer, silence.Token);
                if (count == 0)
                {
                    return closes && received.Count == 0 ? "" : "closed";
                }

                received.AddRange(buffer.AsSpan(0, count));
            }
        }
        catch (OperationCanceledException)
        {
            // Silence.
        }
        catch (SocketException) when (closes)
        {
            return "";
        }

        return Convert.ToHexStringLower([.. received]);
    }

    /// <summary>Answers as the recorded manager did.</summary>
    private static RpcService RecordedManager()
    {
        var answer = Golden
            .Load("server_behaviour")
            .GetProperty("entries")[0]
            .GetProperty("repliesHex")[0]
            .GetString()!;
        var bytes = Convert.FromHexString(answer);
        PacketHeader.Read(bytes.AsSpan(8), out var offset, out var length);
        var recorded = Serde.Read<
            Result<GetPrimaryMgmtdRsp>,
            ResultOf<GetPrimaryMgmtdRsp, StructOf<GetPrimaryMgmtdRsp>>
        >(bytes.AsSpan(8 + offset, length));
        return new RpcService(ServiceId.Mgmtd, "Mgmtd").Map<GetPrimaryMgmtdReq, GetPrimaryMgmtdRsp>(
            MgmtdMethod.GetPrimaryMgmtd,
            "getPrimaryMgmtd",
            (request, _) =>
                new ValueTask<Result<GetPrimaryMgmtdRsp>>(
                    request.ClusterId == "golden"
                        ? recorded
                        : new Status(StatusCode.MgmtdClusterIdMismatch, "Cluster id mismatch")
                )
        );
    }
}
