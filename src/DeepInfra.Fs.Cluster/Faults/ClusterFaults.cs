// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs.Net;

namespace DeepInfra.Fs.Cluster.Faults;

/// <summary>
/// Faults of a running cluster, for tests: wrong clocks, lost and late messages in one direction or both, nodes
/// that stand still, disks that fail. Without any of them switched on nothing is changed or slowed down.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class ClusterFaults
{
    private readonly ConcurrentDictionary<uint, NodeClock> _clocks = new();
    private readonly ConcurrentDictionary<ulong, DiskFault> _disks = new();
    private readonly ConcurrentDictionary<uint, TaskCompletionSource> _frozen = new();
    private volatile Func<Message, MessageFate>? _onMessage;

    /// <summary>Decides over every message of every node; null delivers all. It is called on many threads.</summary>
    public Func<Message, MessageFate>? OnMessage
    {
        get => _onMessage;
        set => _onMessage = value;
    }

    /// <summary>The clock of a node.</summary>
    public NodeClock ClockOf(uint node) => _clocks.GetOrAdd(node, static _ => new NodeClock());

    /// <summary>The disk under a target.</summary>
    public DiskFault DiskOf(ulong target) => _disks.GetOrAdd(target, static _ => new DiskFault());

    /// <summary>
    /// Stops a node as SIGSTOP stops a process: connections stay open, requests and answers wait, and no reports
    /// reach the manager.
    /// </summary>
    public void Freeze(uint node) =>
        _frozen.TryAdd(
            node,
            new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
        );

    /// <summary>Lets a frozen node go on with everything that waits.</summary>
    public void Thaw(uint node)
    {
        if (_frozen.TryRemove(node, out var frozen))
        {
            frozen.SetResult();
        }
    }

    /// <summary>Whether the node stands still.</summary>
    public bool IsFrozen(uint node) => _frozen.ContainsKey(node);

    /// <summary>The options of a node's listener, with these faults before the ones that they have already.</summary>
    public RpcOptions Inject(uint node, RpcOptions options) =>
        options with
        {
            OnRequest = context => PassAsync(node, true, context, options.OnRequest),
            OnReply = context => PassAsync(node, false, context, options.OnReply),
        };

    private ValueTask<RpcFaultAction> PassAsync(
        uint node,
        bool toNode,
        RpcCallContext context,
        Func<RpcCallContext, ValueTask<RpcFaultAction>>? next
    )
    {
        if (_onMessage is null && _frozen.IsEmpty)
        {
            return next is null ? new(RpcFaultAction.Deliver) : next(context);
        }
        return SufferAsync(node, toNode, context, next);
    }

    private async ValueTask<RpcFaultAction> SufferAsync(
        uint node,
        bool toNode,
        RpcCallContext context,
        Func<RpcCallContext, ValueTask<RpcFaultAction>>? next
    )
    {
        try
        {
            var message = new Message(node, toNode, context.ServiceId, context.MethodId);
            var fate = _onMessage?.Invoke(message) ?? default;
            if (fate.Delay > TimeSpan.Zero)
            {
                await Task.Delay(fate.Delay, context.Aborted).ConfigureAwait(false);
            }
            if (_frozen.TryGetValue(node, out var frozen))
            {
                await frozen.Task.WaitAsync(context.Aborted).ConfigureAwait(false);
            }
            return fate.Action != RpcFaultAction.Deliver || next is null
                ? fate.Action
                : await next(context).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The connection ended meanwhile: nobody waits for this message.
            return RpcFaultAction.Drop;
        }
    }
}
