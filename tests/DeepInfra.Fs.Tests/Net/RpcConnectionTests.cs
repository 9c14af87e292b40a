// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Sockets;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Net;

public sealed class RpcConnectionTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task CallAsync_Echo_ReturnsTheText()
    {
        await using var server = new EchoServer();
        await using var client = new RpcClient(new RpcOptions());

        var result = await server.EchoAsync(client, "hello");

        result.Value.Str.Should().Be("hello");
    }

    [Fact]
    public async Task CallAsync_TenThousandPipelinedOutOfOrder_MatchesEachAnswer()
    {
        await using var server = new EchoServer { Delay = i => i % 7 == 0 ? 1 : 0 };
        await using var client = new RpcClient(new RpcOptions());

        var calls = Enumerable
            .Range(0, 10_000)
            .Select(i =>
                server
                    .EchoAsync(
                        client,
                        i.ToString(System.Globalization.CultureInfo.InvariantCulture)
                    )
                    .AsTask()
            );
        var results = await Task.WhenAll(calls);

        var refused = results.Count(r =>
            !r.HasValue && r.Status.Code == StatusCode.RpcRequestRefused
        );
        results
            .Select(
                (r, i) =>
                    !r.HasValue
                    || r.Value.Str == i.ToString(System.Globalization.CultureInfo.InvariantCulture)
            )
            .Should()
            .AllBeEquivalentTo(true);
        (results.Count(r => r.HasValue) + refused).Should().Be(10_000);
    }

    [Fact]
    public async Task CallAsync_UnknownMethodOrService_ReturnsInvalidMethod()
    {
        await using var server = new EchoServer();
        await using var client = new RpcClient(new RpcOptions());

        var method = await client.CallAsync<EchoMessage, EchoMessage>(
            server.Address,
            ServiceId.Core,
            99,
            new EchoMessage(),
            s_timeout
        );
        var service = await client.CallAsync<EchoMessage, EchoMessage>(
            server.Address,
            77,
            1,
            new EchoMessage(),
            s_timeout
        );

        method.Status.Code.Should().Be(StatusCode.RpcInvalidMethodId);
        service.Status.Code.Should().Be(StatusCode.RpcInvalidMethodId);
        (await server.EchoAsync(client, "still open")).HasValue.Should().BeTrue();
    }

    [Fact]
    public async Task CallAsync_UndecodableRequest_ReturnsVerifyRequestFailed()
    {
        await using var server = new EchoServer();
        await using var client = new RpcClient(new RpcOptions());

        // An empty table where the method wants two: GetRealPathReq has a base and a table of its own.
        var result = await client.CallAsync<EchoMessage, EchoMessage>(
            server.Address,
            ServiceId.Core,
            50,
            new EchoMessage(),
            s_timeout
        );

        result.Status.Code.Should().Be(StatusCode.RpcVerifyRequestFailed);
    }

    [Fact]
    public async Task CallAsync_HandlerThrows_ReturnsItsCode()
    {
        await using var server = new EchoServer();
        await using var client = new RpcClient(new RpcOptions());

        var typed = await server.EchoAsync(client, "throw 3007");
        var other = await server.EchoAsync(client, "throw");

        typed.Status.Code.Should().Be(StatusCode.MetaExists);
        other.Status.Code.Should().Be(StatusCode.Unknown);
        other.Status.Message.Should().Contain("InvalidOperationException");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5_000)]
    [InlineData(17_000)]
    [InlineData(300_000)]
    [InlineData(20_000_000)]
    public async Task CallAsync_AnySize_ArrivesUnchanged(int size)
    {
        await using var server = new EchoServer();
        await using var client = new RpcClient(new RpcOptions());
        var data = new byte[size];
        new Random(size).NextBytes(data);

        var result = await server.MirrorAsync(client, data);

        result.Value.Inlinebuf.Data.ToArray().AsSpan().SequenceEqual(data).Should().BeTrue();
    }

    [Fact]
    public async Task CallAsync_CompressedAnswer_Arrives()
    {
        var options = new RpcOptions
        {
            Compressor = new ZstdFrameCompressor(),
            AcceptCompressed = true,
            CompressFromBytes = 1000,
        };
        await using var server = new EchoServer(options);
        await using var client = new RpcClient(options);

        var result = await server.EchoAsync(client, new string('z', 100_000));

        result.Value.Str.Should().HaveLength(100_000);
    }

    [Fact]
    public async Task CallAsync_CompressedAnswerWithoutCompressor_ClosesTheConnection()
    {
        var zstd = new RpcOptions
        {
            Compressor = new ZstdFrameCompressor(),
            CompressFromBytes = 1000,
        };
        await using var server = new EchoServer(zstd);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(server.Address.ToEndPoint());
        await using var connection = new RpcConnection(socket, new RpcOptions());
        connection.Start();
        var frame = FrameEncoder.Encode<EchoMessage, StructOf<EchoMessage>>(
            new PacketHeader
            {
                Uuid = 1,
                ServiceId = ServiceId.Core,
                MethodId = CoreMethod.Echo,
                Flags = PacketFlags.IsRequest | PacketFlags.UseCompression,
            },
            new EchoMessage { Str = new string('z', 100_000) }
        );

        connection.Enqueue(frame);
        await connection.Completion.WaitAsync(s_timeout);

        connection.CloseReason.Message.Should().Contain("no compressor");
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
        await WaitUntilAsync(() => server.Listener.RequestsInProcessing == 1);

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
        await WaitUntilAsync(() => Volatile.Read(ref entered) == 2);
        await Task.Delay(100);
        var before = Volatile.Read(ref entered);
        release.SetResult();
        var results = await Task.WhenAll(calls);

        before.Should().Be(2);
        results.Should().OnlyContain(r => r.HasValue);
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
    public async Task CallAsync_NativeMemory_IsSentInPlace()
    {
        await using var server = new EchoServer();
        await using var client = new RpcClient(new RpcOptions());
        using var native = new NativeBuffer(100_000);
        new Random(1).NextBytes(native.GetSpan());
        var request = new WriteReq();
        request.Payload.Inlinebuf.Data = new InlineData(native.Memory);

        var result = await client.CallAsync<WriteReq, BatchReadRsp>(
            server.Address,
            ServiceId.Storage,
            StorageMethod.Write,
            request,
            s_timeout
        );

        result
            .Value.Inlinebuf.Data.ToArray()
            .AsSpan()
            .SequenceEqual(native.GetSpan())
            .Should()
            .BeTrue();
    }

    [Fact]
    public async Task CallAsync_WithTimestamps_ReturnsTheServersStamps()
    {
        await using var server = new EchoServer();
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(server.Address.ToEndPoint());
        await using var connection = new RpcConnection(
            socket,
            new RpcOptions { SendTimestamps = true }
        );
        connection.Start();

        var result = await connection.CallAsync<EchoMessage, EchoMessage>(
            ServiceId.Core,
            CoreMethod.Echo,
            new EchoMessage { Str = "t" },
            s_timeout
        );

        result.Value.Str.Should().Be("t");
    }

    [Fact]
    public async Task StopAsync_RequestInProcessing_IsAnsweredFirst()
    {
        var server = new EchoServer { Delay = _ => 300 };
        await using var client = new RpcClient(new RpcOptions());
        var call = server.EchoAsync(client, "last").AsTask();
        await WaitUntilAsync(() => server.Listener.RequestsInProcessing == 1);

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

    private static async Task WaitUntilAsync(Func<bool> condition)
    {
        for (var i = 0; i < 1000 && !condition(); i++)
        {
            await Task.Delay(5);
        }

        condition().Should().BeTrue();
    }

    private sealed unsafe class NativeBuffer(int length) : System.Buffers.MemoryManager<byte>
    {
        private void* _memory = System.Runtime.InteropServices.NativeMemory.Alloc((nuint)length);

        public override Span<byte> GetSpan() => new(_memory, length);

        public override System.Buffers.MemoryHandle Pin(int elementIndex = 0) =>
            new((byte*)_memory + elementIndex);

        public override void Unpin() { }

        protected override void Dispose(bool disposing)
        {
            System.Runtime.InteropServices.NativeMemory.Free(_memory);
            _memory = null;
        }
    }

    private sealed class EchoServer : IAsyncDisposable
    {
        private int _count;

        public EchoServer(RpcOptions? options = null, int port = 0)
        {
            var core = new RpcService(ServiceId.Core, "Core")
                .Map<EchoMessage, EchoMessage>(CoreMethod.Echo, "echo", EchoAsync)
                .Map<GetRealPathReq, EchoMessage>(
                    50,
                    "twoTables",
                    (_, _) => throw new InvalidOperationException()
                );
            var storage = new RpcService(ServiceId.Storage, "Storage").Map<WriteReq, BatchReadRsp>(
                StorageMethod.Write,
                "mirror",
                (request, _) =>
                    new ValueTask<Result<BatchReadRsp>>(
                        new BatchReadRsp { Inlinebuf = request.Payload.Inlinebuf }
                    )
            );
            Listener = new RpcListener(
                new IPEndPoint(IPAddress.Loopback, port),
                new RpcServiceTable(core, storage),
                options
            );
            Address = Listener.Address;
        }

        public RpcListener Listener { get; }

        public NodeAddress Address { get; }

        public Func<int, int> Delay { get; set; } = _ => 0;

        public ValueTask<Result<EchoMessage>> EchoAsync(
            RpcClient client,
            string text,
            TimeSpan? timeout = null
        ) =>
            client.CallAsync<EchoMessage, EchoMessage>(
                Address,
                ServiceId.Core,
                CoreMethod.Echo,
                new EchoMessage { Str = text },
                timeout ?? s_timeout
            );

        public ValueTask<Result<BatchReadRsp>> MirrorAsync(RpcClient client, byte[] data)
        {
            var request = new WriteReq();
            request.Payload.Inlinebuf.Data = new InlineData(data);
            return client.CallAsync<WriteReq, BatchReadRsp>(
                Address,
                ServiceId.Storage,
                StorageMethod.Write,
                request,
                s_timeout
            );
        }

        public ValueTask DisposeAsync() => Listener.DisposeAsync();

        private async ValueTask<Result<EchoMessage>> EchoAsync(
            EchoMessage request,
            RpcCallContext call
        )
        {
            var delay = Delay(Interlocked.Increment(ref _count));
            if (delay > 0)
            {
                await Task.Delay(delay, call.Aborted);
            }

            return request.Str switch
            {
                "throw" => throw new InvalidOperationException("on purpose"),
                "throw 3007" => throw new ThreeFsException(StatusCode.MetaExists, "on purpose"),
                _ => request,
            };
        }
    }
}
