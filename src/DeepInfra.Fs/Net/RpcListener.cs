// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Net;

/// <summary>
/// Accepts TCP connections and serves a table of services on each. Listening starts in the constructor, so the port
/// is known before the first request can arrive.
/// </summary>
internal sealed class RpcListener : IAsyncDisposable
{
    private static readonly TimeSpan s_acceptPause = TimeSpan.FromMilliseconds(20);

    private readonly Socket _socket;
    private readonly RpcServiceTable _services;
    private readonly RpcOptions _options;
    private readonly RpcRequestGate _gate;
    private readonly ConcurrentDictionary<RpcConnection, byte> _connections = new();
    private readonly CancellationTokenSource _stopped = new();
    private readonly Task _acceptLoop;
    private readonly Task _idleLoop;
    private int _disposed;

    /// <summary>Binds and starts accepting.</summary>
    /// <param name="endPoint">Where to listen; port 0 picks a free one.</param>
    /// <param name="services">What callers may call.</param>
    /// <param name="options">Settings.</param>
    /// <exception cref="ThreeFsException">The address is taken or not local.</exception>
    public RpcListener(IPEndPoint endPoint, RpcServiceTable services, RpcOptions? options = null)
    {
        _services = services;
        _options = options ?? new RpcOptions();
        _gate = new RpcRequestGate(_options.MaxRequestsInProcessing);
        _socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            _socket.Bind(endPoint);
            _socket.Listen(512);
        }
        catch (SocketException e)
        {
            _socket.Dispose();
            throw new ThreeFsException(
                StatusCode.RpcListenFailed,
                $"cannot listen on {endPoint}: {e.Message}",
                innerException: e
            );
        }

        EndPoint = (IPEndPoint)_socket.LocalEndPoint!;
        _acceptLoop = Task.Run(AcceptLoopAsync);
        _idleLoop = Task.Run(IdleLoopAsync);
    }

    /// <summary>The bound endpoint.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>The endpoint as routing information publishes it.</summary>
    public NodeAddress Address => NodeAddress.From(EndPoint);

    public int ConnectionCount => _connections.Count;

    /// <summary>Requests whose answers are not finished.</summary>
    public int RequestsInProcessing => _gate.InProcess;

    /// <summary>Refuses new requests, waits for those in processing, then closes everything.</summary>
    public async Task StopAsync(TimeSpan timeout)
    {
        try
        {
            await _gate.StopAsync().WaitAsync(timeout, _options.TimeProvider).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // The rest is cut off below.
        }

        await DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Closes the port and every connection at once, as a crash would.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _stopped.CancelAsync().ConfigureAwait(false);
        _socket.Dispose();
        await _acceptLoop.ConfigureAwait(false);
        await _idleLoop.ConfigureAwait(false);
        CloseConnections();
        _stopped.Dispose();
    }

    /// <summary>Cuts all present connections; the listener goes on accepting new ones.</summary>
    public void CloseConnections()
    {
        foreach (var connection in _connections.Keys)
        {
            connection.Abort(
                new Status(StatusCode.RpcSocketClosed, "the server closed the connection")
            );
        }
    }

    private async Task AcceptLoopAsync()
    {
        while (!_stopped.IsCancellationRequested)
        {
            Socket? accepted = null;
            try
            {
                accepted = await _socket.AcceptAsync(_stopped.Token).ConfigureAwait(false);
                var connection = new RpcConnection(accepted, _options, _services, _gate);
                _connections.TryAdd(connection, 0);
                connection.Start();
                _ = ForgetWhenDoneAsync(connection);
            }
            catch (Exception e)
                when (e is SocketException or ObjectDisposedException or OperationCanceledException)
            {
                // A peer that hung up between connecting and being accepted; or the listener stops; or the
                // process has no descriptors left, which the pause keeps from becoming a busy loop.
                accepted?.Dispose();
                if (e is SocketException && !_stopped.IsCancellationRequested)
                {
                    FsLog.AcceptFailed(_options.Logger, EndPoint, e.Message);
                    await Task.Delay(s_acceptPause).ConfigureAwait(false);
                }
            }
        }
    }

    private async Task ForgetWhenDoneAsync(RpcConnection connection)
    {
        await connection.Completion.ConfigureAwait(false);
        _connections.TryRemove(connection, out _);
    }

    private async Task IdleLoopAsync()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(60), _options.TimeProvider);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopped.Token).ConfigureAwait(false))
            {
                foreach (var connection in _connections.Keys)
                {
                    if (connection.IdleTime > _options.IdleTimeout)
                    {
                        connection.Abort(new Status(StatusCode.RpcSocketClosed, "idle"));
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }
}
