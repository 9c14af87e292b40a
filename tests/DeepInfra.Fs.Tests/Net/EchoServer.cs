// SPDX-License-Identifier: MIT
using System.Net;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Net;

/// <summary>A listener that answers with what it gets.</summary>
internal sealed class EchoServer : IAsyncDisposable
{
    /// <summary>A method whose answer exceeds the limit of a frame.</summary>
    public const ushort TooLarge = 51;

    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);

    private int _count;

    public EchoServer(RpcOptions? options = null, int port = 0)
    {
        var core = new RpcService(ServiceId.Core, "Core")
            .Map<EchoMessage, EchoMessage>(CoreMethod.Echo, "echo", EchoAsync)
            .Map<GetRealPathReq, EchoMessage>(
                50,
                "twoTables",
                (_, _) => throw new InvalidOperationException()
            )
            .Map<EchoMessage, BatchReadRsp>(
                TooLarge,
                "tooLarge",
                static (_, _) =>
                {
                    // One megabyte, sent more often than a frame can hold.
                    var segment = new InlineSegment(new byte[1 << 20]);
                    var segments = Enumerable.Repeat(segment, 513).ToArray();
                    var answer = new BatchReadRsp();
                    answer.Inlinebuf.Data = new InlineData(segments, segments.Length);
                    return new ValueTask<Result<BatchReadRsp>>(answer);
                }
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

    /// <summary>Waits for a condition, which must come true within seconds.</summary>
    public static async Task WaitUntilAsync(Func<bool> condition)
    {
        for (var i = 0; i < 1000 && !condition(); i++)
        {
            await Task.Delay(5);
        }

        condition().Should().BeTrue();
    }

    private async ValueTask<Result<EchoMessage>> EchoAsync(EchoMessage request, RpcCallContext call)
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
