// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Sockets;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Storage;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Net;

/// <summary>Peers that stop, lie or hang up in the middle of a large answer.</summary>
public sealed class RpcStallTests
{
    private const int Size = 1 << 20;

    [Fact]
    public async Task CallAsync_PeerStallsMidFrame_CutsTheConnectionAndFreesTheBuffer()
    {
        await using var peer = new HalfPeer(
            (frame, socket) => socket.SendAsync(frame.AsMemory(0, frame.Length / 2)).AsTask()
        );
        await using var connection = await peer.ConnectAsync();

        var (result, buffer) = await ReadAsync(connection, TimeSpan.FromMilliseconds(200));

        result.Status.Code.Should().Be(StatusCode.RpcTimeout);
        connection.IsClosed.Should().BeTrue();
        buffer.AsSpan().Fill(0xEE);
        await peer.SendRestAsync();
        await Task.Delay(50);
        buffer.Should().OnlyContain(b => b == 0xEE);
    }

    [Fact]
    public async Task CallAsync_PeerHangsUpMidFrame_EndsTheCall()
    {
        await using var peer = new HalfPeer(
            async (frame, socket) =>
            {
                await socket.SendAsync(frame.AsMemory(0, frame.Length / 2));
                socket.Shutdown(SocketShutdown.Both);
            }
        );
        await using var connection = await peer.ConnectAsync();

        var (result, _) = await ReadAsync(connection, TimeSpan.FromSeconds(10));

        result.Status.Code.Should().Be(StatusCode.RpcTimeout);
        connection.IsClosed.Should().BeTrue();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(9)]
    [InlineData(40)]
    [InlineData(600_000)]
    [InlineData(-1)]
    public async Task CallAsync_OneBitWrong_EndsTheCallAndCloses(int position)
    {
        await using var peer = new HalfPeer(
            (frame, socket) =>
            {
                frame[position < 0 ? frame.Length - 1 : position] ^= 0x10;
                return socket.SendAsync(frame);
            }
        );
        await using var connection = await peer.ConnectAsync();

        var (result, _) = await ReadAsync(connection, TimeSpan.FromMilliseconds(500));

        result.HasValue.Should().BeFalse();
        result.Status.Code.Should().Be(StatusCode.RpcTimeout);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public async Task CallAsync_FrameInPieces_Arrives(int piece)
    {
        await using var peer = new HalfPeer(
            async (frame, socket) =>
            {
                for (var i = 0; i < 400; i += piece)
                {
                    await socket.SendAsync(frame.AsMemory(i, Math.Min(piece, 400 - i)));
                }

                await socket.SendAsync(frame.AsMemory(400));
            }
        );
        await using var connection = await peer.ConnectAsync();

        var (result, buffer) = await ReadAsync(connection, TimeSpan.FromSeconds(20));

        result.HasValue.Should().BeTrue();
        buffer.Should().Equal(Enumerable.Range(0, Size).Select(i => (byte)(i * 7)));
    }

    [Fact]
    public async Task CallAsync_CancelledWhileSending_WaitsForTheBuffer()
    {
        await using var peer = new HalfPeer((_, _) => Task.CompletedTask) { Reads = false };
        await using var connection = await peer.ConnectAsync();
        var request = new WriteReq();
        var data = new byte[32 << 20];
        request.Payload.Inlinebuf.Data = new InlineData(data);
        using var source = new CancellationTokenSource(100);

        var act = async () =>
            await connection.CallAsync<WriteReq, WriteRsp>(
                ServiceId.Storage,
                StorageMethod.Write,
                request,
                TimeSpan.FromSeconds(30),
                cancellationToken: source.Token
            );

        await act.Should().ThrowAsync<OperationCanceledException>();
        connection.IsClosed.Should().BeTrue();
    }

    private static async Task<(Result<BatchReadRsp> Result, byte[] Buffer)> ReadAsync(
        RpcConnection connection,
        TimeSpan timeout
    )
    {
        var buffer = new byte[Size];
        ChunkRead[] reads = [new ChunkRead { Buffer = buffer }];
        var request = new BatchReadReq { Payloads = [new ReadIO { Length = Size }] };
        var result = await connection
            .CallAsync<BatchReadReq, BatchReadRsp>(
                ServiceId.Storage,
                StorageMethod.BatchRead,
                request,
                timeout,
                new BatchReadSink(reads, [0], 1)
            )
            .AsTask()
            .WaitAsync(TimeSpan.FromSeconds(30));
        return (result, buffer);
    }

    /// <summary>Answers each request with one prepared frame, sent as the test likes.</summary>
    private sealed class HalfPeer : IAsyncDisposable
    {
        private readonly Socket _listener = new(
            AddressFamily.InterNetwork,
            SocketType.Stream,
            ProtocolType.Tcp
        );
        private readonly Func<byte[], Socket, Task> _send;
        private readonly Task _loop;
        private Socket? _socket;
        private byte[] _frame = [];

        public HalfPeer(Func<byte[], Socket, Task> send)
        {
            _send = send;
            _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            _listener.Listen();
            _loop = Task.Run(RunAsync);
        }

        public bool Reads { get; init; } = true;

        public ValueTask<RpcConnection> ConnectAsync() =>
            RpcConnection.ConnectAsync(
                (IPEndPoint)_listener.LocalEndPoint!,
                new RpcOptions { AbortGrace = TimeSpan.FromMilliseconds(100) }
            );

        public async Task SendRestAsync()
        {
            try
            {
                await _socket!.SendAsync(_frame.AsMemory(_frame.Length / 2));
            }
            catch (SocketException)
            {
                // The client has hung up, as it should.
            }
        }

        public async ValueTask DisposeAsync()
        {
            _listener.Dispose();
            _socket?.Dispose();
            await _loop;
        }

        private async Task RunAsync()
        {
            try
            {
                _socket = await _listener.AcceptAsync();
                if (!Reads)
                {
                    return;
                }

                var request = new byte[4096];
                var count = await _socket.ReceiveAsync(request);
                var packet = PacketHeader.Read(request.AsSpan(8, count - 8), out _, out _);
                packet.Flags = PacketFlags.None;
                var data = new byte[Size];
                for (var i = 0; i < data.Length; i++)
                {
                    data[i] = (byte)(i * 7);
                }

                var answer = new BatchReadRsp
                {
                    Results = [new IOResult { LengthInfo = (uint)Size }],
                    Inlinebuf = new() { Data = new InlineData(data) },
                };
                _frame = FrameTests.Flatten(
                    FrameEncoder.Encode<
                        Result<BatchReadRsp>,
                        ResultOf<BatchReadRsp, StructOf<BatchReadRsp>>
                    >(packet, answer)
                );
                await _send(_frame, _socket);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }
    }
}
