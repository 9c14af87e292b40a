// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Net;

/// <summary>
/// One TCP connection that carries requests and answers in both directions. Requests of many tasks are pipelined and
/// answers are matched by uuid, in any order. Thread-safe. Any violation of the framing closes the connection.
/// </summary>
internal sealed partial class RpcConnection : IAsyncDisposable
{
    private static ulong s_lastUuid;

    private readonly Socket _socket;
    private readonly RpcServiceTable? _services;
    private readonly RpcRequestGate? _gate;
    private readonly ConcurrentDictionary<ulong, PendingCall> _pending = new();
    private readonly CancellationTokenSource _closed = new();
    private readonly Lock _closeLock = new();
    private readonly TaskCompletionSource _aborted = new(
        TaskCreationOptions.RunContinuationsAsynchronously
    );
    private Task _receiveLoop = Task.CompletedTask;
    private Status? _closeReason;
    private long _lastActivity;

    /// <summary>Takes over a connected socket.</summary>
    /// <param name="socket">The socket; the connection closes it.</param>
    /// <param name="options">Settings.</param>
    /// <param name="services">What the peer may call; null for a pure client.</param>
    /// <param name="gate">Admission of requests, shared by the connections of a listener.</param>
    public RpcConnection(
        Socket socket,
        RpcOptions options,
        RpcServiceTable? services = null,
        RpcRequestGate? gate = null
    )
    {
        _socket = socket;
        Options = options;
        Closed = _closed.Token;
        _services = services;
        _gate = gate;
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        RemoteEndPoint = socket.RemoteEndPoint;
        _lastActivity = options.TimeProvider.GetTimestamp();
    }

    public RpcOptions Options { get; }

    public EndPoint? RemoteEndPoint { get; }

    /// <summary>Cancelled when the connection is lost or closed.</summary>
    public CancellationToken Closed { get; }

    public bool IsClosed => Closed.IsCancellationRequested;

    /// <summary>Why the connection ended; only after <see cref="Closed"/>.</summary>
    public Status CloseReason => _closeReason ?? Status.Ok;

    /// <summary>Completes when the receive loop has ended.</summary>
    public Task Completion => _receiveLoop;

    /// <summary>Time since the last byte arrived or request was sent.</summary>
    public TimeSpan IdleTime =>
        Options.TimeProvider.GetElapsedTime(Interlocked.Read(ref _lastActivity));

    /// <summary>Dials a server.</summary>
    /// <exception cref="ThreeFsException">The server does not answer (code <see cref="StatusCode.RpcConnectFailed"/>).</exception>
    public static async ValueTask<RpcConnection> ConnectAsync(
        IPEndPoint endPoint,
        RpcOptions options,
        CancellationToken cancellationToken = default
    )
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        using var timeout = new CancellationTokenSource(
            options.ConnectTimeout,
            options.TimeProvider
        );
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(
            timeout.Token,
            cancellationToken
        );
        try
        {
            await socket.ConnectAsync(endPoint, linked.Token).ConfigureAwait(false);
            var connection = new RpcConnection(socket, options);
            FsLog.Connected(options.Logger, endPoint);
            connection.Start();
            return connection;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            socket.Dispose();
            cancellationToken.ThrowIfCancellationRequested();
            var reason =
                e is SocketException ? e.Message : $"no answer within {options.ConnectTimeout}";
            throw new ThreeFsException(
                StatusCode.RpcConnectFailed,
                $"cannot connect to {endPoint}: {reason}",
                hint: "check that the server runs and that its published address is routable from here",
                innerException: e
            );
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Starts receiving.</summary>
    public void Start() => _receiveLoop = Task.Run(ReceiveLoopAsync);

    /// <summary>Microseconds since the Unix epoch.</summary>
    public long NowMicroseconds() =>
        (Options.TimeProvider.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks
        / TimeSpan.TicksPerMicrosecond;

    /// <summary>Closes the socket at once; calls in flight end with the reason.</summary>
    public void Abort(Status reason)
    {
        lock (_closeLock)
        {
            if (_closeReason is not null)
            {
                return;
            }

            _closeReason = reason;
        }

        if (reason.Code == StatusCode.RpcVerifyResponseFailed)
        {
            FsLog.ConnectionCut(Options.Logger, RemoteEndPoint, reason);
        }
        else
        {
            FsLog.ConnectionEnded(Options.Logger, RemoteEndPoint, reason);
        }

        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
            // The peer was faster.
        }
        catch (ObjectDisposedException) { }

        _socket.Dispose();
        _closed.Cancel();
        // The queue first: a call that fails then knows whether its request was on its way.
        ReleaseQueue();
        CancelReservations();
        FailPending();
        _aborted.TrySetResult();
    }

    /// <summary>Closes the connection and waits for its loops.</summary>
    public async ValueTask DisposeAsync()
    {
        Abort(new Status(StatusCode.RpcSocketClosed, "connection disposed"));
        await _receiveLoop.ConfigureAwait(false);
        // Whoever closes it may still be about to tell the others.
        await _aborted.Task.ConfigureAwait(false);
        _closed.Dispose();
    }

    private void Touch() =>
        Interlocked.Exchange(ref _lastActivity, Options.TimeProvider.GetTimestamp());

    /// <summary>A lost connection looks like a time-out to the caller: the request may or may not have been executed.</summary>
    private Status LostStatus() =>
        new(StatusCode.RpcTimeout, $"connection to {RemoteEndPoint} lost: {CloseReason}");

    private void FailPending()
    {
        var status = LostStatus();
        foreach (var (uuid, call) in _pending)
        {
            if (_pending.TryRemove(uuid, out _))
            {
                // A claimed call is in the hands of the receive loop, which fails it once it stops writing.
                if (call.TryClaim())
                {
                    call.Fail(status);
                }
            }
        }
    }
}
