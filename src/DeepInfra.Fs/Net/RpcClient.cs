// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Diagnostics;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Net;

/// <summary>
/// Connections to many servers, made on demand and shared by all callers. A call picks one of the connections to its
/// server at random; a lost connection is replaced by the next call. Thread-safe.
/// </summary>
internal sealed class RpcClient : IAsyncDisposable
{
    private static readonly TimeSpan s_resendDelay = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<NodeAddress, Slot[]> _servers = new();
    private readonly int _connectionsPerServer;
    private bool _disposed;

    /// <summary>Creates a client without connections.</summary>
    /// <param name="options">Settings of the connections.</param>
    /// <param name="connectionsPerServer">Connections to each server, 1 to 8.</param>
    public RpcClient(RpcOptions options, int connectionsPerServer = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(connectionsPerServer, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(connectionsPerServer, 8);
        Options = options;
        _connectionsPerServer = connectionsPerServer;
    }

    public RpcOptions Options { get; }

    /// <summary>Connections dialled so far, successfully or not.</summary>
    public int ConnectAttempts => _servers.Values.SelectMany(s => s).Sum(s => s.Attempts);

    /// <summary>
    /// Calls a method of a server. Transport failures come back as status codes 2000 to 2999: no connection is
    /// <see cref="StatusCode.RpcConnectFailed"/>, a lost one or no answer <see cref="StatusCode.RpcTimeout"/>, an
    /// unsent request <see cref="StatusCode.RpcSendFailed"/>.
    /// </summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public ValueTask<Result<TRsp>> CallAsync<TReq, TRsp>(
        NodeAddress address,
        ushort service,
        ushort method,
        TReq request,
        TimeSpan timeout,
        IInlineReplySink<TRsp>? sink = null,
        CancellationToken cancellationToken = default
    )
        where TReq : ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new()
    {
        // The activity begins before the call does, so that it covers connecting and sending; it is the current one
        // for the call and not for the caller.
        var isTraced = FsActivities.HasListeners;
        var outer = isTraced ? Activity.Current : null;
        var activity = isTraced ? FsActivities.StartCall<TReq>(address) : null;
        var call = CallWithResendAsync(
            address,
            service,
            method,
            request,
            timeout,
            sink,
            cancellationToken
        );
        if (activity is null)
        {
            return call;
        }

        Activity.Current = outer;
        return FinishAsync(activity, call);
    }

    private static async ValueTask<Result<TRsp>> FinishAsync<TRsp>(
        Activity activity,
        ValueTask<Result<TRsp>> call
    )
    {
        using (activity)
        {
            var result = await call.ConfigureAwait(false);
            activity.SetOutcome(result.Status);
            return result;
        }
    }

    private async ValueTask<Result<TRsp>> CallWithResendAsync<TReq, TRsp>(
        NodeAddress address,
        ushort service,
        ushort method,
        TReq request,
        TimeSpan timeout,
        IInlineReplySink<TRsp>? sink,
        CancellationToken cancellationToken
    )
        where TReq : ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new()
    {
        for (var attempt = 0; ; attempt++)
        {
            Status failure;
            try
            {
                var connection = await GetAsync(address, cancellationToken).ConfigureAwait(false);
                var start = TimeProvider.System.GetTimestamp();
                var result = await connection
                    .CallAsync<TReq, TRsp>(
                        service,
                        method,
                        request,
                        timeout,
                        sink,
                        cancellationToken
                    )
                    .ConfigureAwait(false);
                Measure(service, method, start);
                if (result.HasValue || result.Status.Code != StatusCode.RpcSendFailed)
                {
                    return result;
                }

                failure = result.Status;
            }
            catch (ThreeFsException e)
            {
                return new Status(e.StatusCode, e.Message);
            }

            if (attempt > 0)
            {
                return failure;
            }

            await Task.Delay(s_resendDelay, Options.TimeProvider, cancellationToken)
                .ConfigureAwait(false);
        }
    }

    /// <summary>Cuts the connections to one server; later calls make new ones.</summary>
    public void Disconnect(NodeAddress address)
    {
        if (_servers.TryGetValue(address.AsTcp(), out var slots))
        {
            foreach (var slot in slots)
            {
                slot.Current?.Abort(new Status(StatusCode.RpcSocketClosed, "disconnected"));
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        Volatile.Write(ref _disposed, true);
        foreach (var slot in _servers.Values.SelectMany(s => s))
        {
            await slot.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static void Measure(ushort service, ushort method, long start)
    {
        if (!FsMetrics.Requests.Enabled && !FsMetrics.RequestDuration.Enabled)
        {
            return;
        }

        var tags = new TagList { { "service", (int)service }, { "method", (int)method } };
        FsMetrics.Requests.Add(1, tags);
        FsMetrics.RequestDuration.Record(
            TimeProvider.System.GetElapsedTime(start).TotalSeconds,
            tags
        );
    }

    private async ValueTask<RpcConnection> GetAsync(
        NodeAddress address,
        CancellationToken cancellationToken
    )
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), this);
        address = address.AsTcp();
        var slots = _servers.GetOrAdd(
            address,
            static (_, count) => [.. Enumerable.Range(0, count).Select(_ => new Slot())],
            _connectionsPerServer
        );
        var slot = slots.Length == 1 ? slots[0] : slots[Random.Shared.Next(slots.Length)];
        return slot.Current is { IsClosed: false } current
            ? current
            : await slot.ConnectAsync(address, Options, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// One connection. Callers that find none share one attempt, so a host that does not answer costs each of them
    /// one time-out and not one after the other.
    /// </summary>
    private sealed class Slot : IAsyncDisposable
    {
        private readonly Lock _lock = new();
        private Task<RpcConnection>? _attempt;
        private bool _disposed;

        public int Attempts { get; private set; }

        public RpcConnection? Current =>
            Volatile.Read(ref _attempt) is { IsCompletedSuccessfully: true } attempt
                ? attempt.Result
                : null;

        public Task<RpcConnection> ConnectAsync(
            NodeAddress address,
            RpcOptions options,
            CancellationToken cancellationToken
        )
        {
            Task<RpcConnection> attempt;
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_disposed, typeof(RpcClient));
                if (
                    _attempt is null
                    || (_attempt.IsCompleted && Current is not { IsClosed: false })
                )
                {
                    var lost = Current;
                    Attempts++;
                    // The attempt belongs to all callers: one that gives up must not end it.
                    _attempt = Task.Run(
                        () => DialAsync(lost, address, options),
                        CancellationToken.None
                    );
                }

                attempt = _attempt;
            }

            return attempt.WaitAsync(cancellationToken);
        }

        public async ValueTask DisposeAsync()
        {
            Task<RpcConnection>? attempt;
            lock (_lock)
            {
                _disposed = true;
                attempt = _attempt;
            }

            if (attempt is null)
            {
                return;
            }

            await ((Task)attempt).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (attempt.IsCompletedSuccessfully)
            {
                var connection = await attempt.ConfigureAwait(false);
                await connection.DisposeAsync().ConfigureAwait(false);
            }
        }

        private static async Task<RpcConnection> DialAsync(
            RpcConnection? lost,
            NodeAddress address,
            RpcOptions options
        )
        {
            if (lost is not null)
            {
                await lost.DisposeAsync().ConfigureAwait(false);
            }

            try
            {
                return await RpcConnection
                    .ConnectAsync(address.ToEndPoint(), options)
                    .ConfigureAwait(false);
            }
            catch (ThreeFsException e)
            {
                FsLog.ConnectFailed(options.Logger, e.Message);
                throw;
            }
        }
    }
}
