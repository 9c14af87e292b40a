// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Net;

/// <summary>Calls and what they carry.</summary>
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

    [Fact]
    public async Task CallAsync_AnswerLargerThanAFrame_FailsAndLeavesTheOtherCalls()
    {
        await using var server = new EchoServer { Delay = _ => 200 };
        await using var client = new RpcClient(new RpcOptions());
        var other = server.EchoAsync(client, "hi", TimeSpan.FromSeconds(60)).AsTask();

        var result = await client.CallAsync<EchoMessage, BatchReadRsp>(
            server.Address,
            ServiceId.Core,
            EchoServer.TooLarge,
            new EchoMessage(),
            TimeSpan.FromSeconds(60)
        );

        result.Status.Code.Should().Be(StatusCode.RpcSendFailed);
        result.Status.Message.Should().Contain("Core.tooLarge").And.Contain("exceeds the limit");
        (await other).Value.Str.Should().Be("hi");
        client.ConnectAttempts.Should().Be(1);
    }

    [Fact]
    public async Task Complete_SinkThrows_EndsTheCall()
    {
        var call = new PendingCall<BatchReadRsp, StructOf<BatchReadRsp>>(new BrokenSink());
        call.TryClaim().Should().BeTrue();

        call.Complete(new PacketHeader(), [1, 2, 3]);

        var result = await call.Task.WaitAsync(TimeSpan.FromSeconds(60));
        result.Status.Code.Should().Be(StatusCode.RpcVerifyResponseFailed);
    }

    private sealed class BrokenSink : IInlineReplySink<BatchReadRsp>
    {
        public int HeadBytesEstimate => 1;

        public bool TryStart(ReadOnlySpan<byte> head, out int headLength, out long bulkLength) =>
            throw new InvalidOperationException("on purpose");

        public Memory<byte> NextTarget() => default;

        public void Advance(int count) { }

        public uint AppendChecksum(uint register) => register;

        public Result<BatchReadRsp> Finish() => new BatchReadRsp();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5_000)]
    [InlineData(17_000)]
    [InlineData(300_000)]
    [InlineData(8 << 20)]
    [InlineData(20_000_000)]
    [InlineData(66_000_000)]
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
}
