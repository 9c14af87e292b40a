// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DeepInfra.Fs.Management;

/// <summary>What the parts of a client share: settings, identity and connections.</summary>
internal sealed class ClientContext : IAsyncDisposable
{
    public ClientContext(ThreeFsClientOptions options)
    {
        options.Validate();
        Options = options;
        Log = options.LoggerFactory?.CreateLogger(FsLog.Category) ?? NullLogger.Instance;
        Rpc = new RpcClient(
            new RpcOptions
            {
                ConnectTimeout = options.ConnectTimeout,
                Compressor = options.Compressor,
                AcceptCompressed = options.Compressor is not null,
                TimeProvider = options.TimeProvider,
                Logger = Log,
            },
            options.ConnectionsPerServer
        );
        ClientId = new ClientId { Uuid = Guid.NewGuid(), Hostname = Environment.MachineName };
        User = new UserInfo
        {
            Uid = options.User.Uid,
            Gid = options.User.Gid,
            Groups = [.. options.User.Groups],
            Token = options.User.Token,
        };
    }

    public ThreeFsClientOptions Options { get; }

    public RpcClient Rpc { get; }

    public ILogger Log { get; }

    /// <summary>Identity of this client in requests, sessions and update tags; random for each client.</summary>
    public ClientId ClientId { get; }

    public UserInfo User { get; }

    public TimeProvider Time => Options.TimeProvider;

    public long NowMicroseconds() =>
        (Time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    public ValueTask DisposeAsync() => Rpc.DisposeAsync();
}
