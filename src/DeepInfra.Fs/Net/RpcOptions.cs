// SPDX-License-Identifier: MIT
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DeepInfra.Fs.Net;

/// <summary>Settings of one side of an RPC connection.</summary>
internal sealed record RpcOptions
{
    /// <summary>Largest body that this side sends, in bytes.</summary>
    public int MaxFrameBytes { get; init; } = 64 << 20;

    /// <summary>Largest body that this side accepts, in bytes; 512 MiB is the protocol's own limit.</summary>
    public int MaxReceivedFrameBytes { get; init; } = FrameHeader.MaximumBodyBytes - 1;

    /// <summary>Size of a connection's receive buffer in bytes.</summary>
    public int ReceiveBufferBytes { get; init; } = 256 << 10;

    /// <summary>Requests from one listener's connections that may be in processing; more are refused.</summary>
    public int MaxRequestsInProcessing { get; init; } = 4096;

    /// <summary>
    /// Bytes of requests in processing and of answers waiting to be sent at which a connection stops reading.
    /// </summary>
    public long MaxBytesInProcessing { get; init; } = 256L << 20;

    /// <summary>Time limit for connecting.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Age of the last activity at which a listener closes a connection.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromDays(1);

    /// <summary>How long a cancelled call waits for the connection to let go of its buffers before cutting it.</summary>
    public TimeSpan AbortGrace { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Installed zstd, or null.</summary>
    public IFrameCompressor? Compressor { get; init; }

    /// <summary>Smallest answer that a listener compresses for callers that accept it, in bytes.</summary>
    public int CompressFromBytes { get; init; } = 128 << 10;

    /// <summary>Whether requests ask for compressed answers; needs <see cref="Compressor"/>.</summary>
    public bool AcceptCompressed { get; init; }

    /// <summary>Whether requests carry the time stamps that servers fill in.</summary>
    public bool SendTimestamps { get; init; }

    /// <summary>
    /// Called for each request before it is dispatched; null dispatches at once. It may delay, and its answer says
    /// what becomes of the request. For fault injection.
    /// </summary>
    public Func<RpcCallContext, ValueTask<RpcFaultAction>>? OnRequest { get; init; }

    /// <summary>Called for each answer before it is sent; null sends at once. For fault injection.</summary>
    public Func<RpcCallContext, ValueTask<RpcFaultAction>>? OnReply { get; init; }

    /// <summary>Receives lost connections and failed requests.</summary>
    public ILogger Logger { get; init; } = NullLogger.Instance;

    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}

/// <summary>What becomes of a message under fault injection.</summary>
internal enum RpcFaultAction
{
    Deliver,
    Drop,
    CloseConnection,
}
