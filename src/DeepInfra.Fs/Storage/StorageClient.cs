// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs.Management;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Storage;

/// <summary>
/// Client of the storage service: reads and updates chunks over TCP with the data inside the messages, retrying along
/// changes of the routing. Thread-safe.
/// </summary>
internal sealed partial class StorageClient : IDisposable
{
    private readonly ClientContext _context;
    private readonly MgmtdClient _mgmtd;
    private readonly ReadTargetPicker _picker;
    private readonly UpdateChannels _channels;
    private readonly SemaphoreSlim _requests;
    private readonly ConcurrentDictionary<uint, SemaphoreSlim> _nodeRequests = new();

    public StorageClient(ClientContext context, MgmtdClient mgmtd)
    {
        _context = context;
        _mgmtd = mgmtd;
        _picker = new ReadTargetPicker(context.Options);
        _channels = new UpdateChannels(context.ClientId);
        _requests = new SemaphoreSlim(
            context.Options.MaximumRequests,
            context.Options.MaximumRequests
        );
    }

    public void Dispose()
    {
        _channels.Dispose();
        _requests.Dispose();
    }

    /// <summary>Sends one request within the limits on requests in flight.</summary>
    private async ValueTask<Result<TRsp>> SendAsync<TReq, TRsp>(
        uint nodeId,
        NodeAddress address,
        ushort method,
        TReq request,
        TimeSpan timeout,
        Net.IInlineReplySink<TRsp>? sink,
        CancellationToken cancellationToken
    )
        where TReq : ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new()
    {
        var node = _nodeRequests.GetOrAdd(
            nodeId,
            static (_, maximum) => new SemaphoreSlim(maximum, maximum),
            _context.Options.MaximumRequestsPerServer
        );
        await node.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _requests.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return await _context
                    .Rpc.CallAsync<TReq, TRsp>(
                        address,
                        ServiceId.Storage,
                        method,
                        request,
                        timeout,
                        sink,
                        cancellationToken
                    )
                    .ConfigureAwait(false);
            }
            finally
            {
                _requests.Release();
            }
        }
        finally
        {
            node.Release();
        }
    }

    /// <summary>
    /// Runs one operation on the head of a chain until it succeeds, fails for good or its time is up. The attempt
    /// gets the routing of its moment.
    /// </summary>
    private async ValueTask<Status> RetryAsync<TState>(
        uint chainId,
        TState state,
        Func<TState, ServingChain, TimeSpan, CancellationToken, ValueTask<Status>> attempt,
        CancellationToken cancellationToken
    )
    {
        var pacer = new RetryPacer(_context, _mgmtd);
        while (true)
        {
            pacer.Begin();
            var chain = _mgmtd.Routing.FindServing(chainId);
            var status =
                chain is null ? UnknownChain(chainId)
                : chain.Targets.Length == 0 ? NoneServing(chainId)
                : await attempt(state, chain, pacer.RoundTimeout, cancellationToken)
                    .ConfigureAwait(false);
            if (status.IsOk || StorageErrors.IsPermanent(status.Code))
            {
                return status;
            }

            if (pacer.Next(status.Code) is not { } wait)
            {
                FsLog.GaveUp(_context.Log, OperationName<TState>.Value, status);
                return status;
            }

            await RetryPacer
                .WaitAsync(
                    _context,
                    _mgmtd,
                    OperationName<TState>.Value,
                    status,
                    wait,
                    cancellationToken
                )
                .ConfigureAwait(false);
        }
    }

    private static Status UnknownChain(uint chainId) =>
        new(
            StatusCode.StorageClientRoutingError,
            $"chain {chainId} is not in the routing information"
        );

    private Status NoneServing(uint chainId)
    {
        var targets = _mgmtd.Routing.FindChain(chainId)?.Targets ?? [];
        var states = targets.Select(t => $"target {t.TargetId} is {t.PublicState}");
        return new Status(
            StatusCode.StorageClientNotAvailable,
            $"no target of chain {chainId} is serving: {string.Join(", ", states)}"
        );
    }

    private static Status AtNode(Status status, NodeAddress address, ulong targetId)
    {
        var mapped = StorageErrors.ToClient(status);
        return mapped with
        {
            Message = $"{mapped.Message} (node {address.ToEndPoint()}, target {targetId})",
        };
    }
}
