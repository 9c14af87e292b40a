// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using DeepInfra.Fs.Cluster.KeyValue;
using DeepInfra.Fs.Wire;
using Microsoft.Extensions.Logging;

namespace DeepInfra.Fs.Cluster.Manager;

/// <summary>
/// The routing information: nodes, targets, chains and chain tables. Every change is written to the
/// shared store together with the next version number before anybody can see it.
/// </summary>
/// <remarks>Thread-safe. The published object is never edited.</remarks>
internal sealed class RoutingStore : IDisposable
{
    private static readonly byte[] s_versionKey = Encoding.ASCII.GetBytes("SINGrouting-version");

    private readonly KeyValueStore _store;
    private readonly ILogger _log;
    private readonly SemaphoreSlim _changes = new(1, 1);
    private RoutingInfo _current;

    public RoutingStore(KeyValueStore store, ILogger log)
    {
        _store = store;
        _log = log;
        _current = store.Read(Load);
    }

    /// <summary>The published state. Do not edit.</summary>
    public RoutingInfo Current => Volatile.Read(ref _current);

    /// <summary>Applies a change, one at a time; unchanged drafts cost nothing.</summary>
    /// <returns>What <paramref name="change"/> returned.</returns>
    public async ValueTask<T> ChangeAsync<T>(
        Func<RoutingDraft, T> change,
        CancellationToken cancellationToken = default
    )
    {
        await _changes.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var draft = new RoutingDraft(Current);
            var result = change(draft);
            if (draft.IsChanged)
            {
                draft.Info.RoutingInfoVersion++;
                await _store
                    .WriteAsync(t => Save(t, draft), CancellationToken.None)
                    .ConfigureAwait(false);
                var before = Current;
                Volatile.Write(ref _current, draft.Info);
                Tell(before, draft);
            }
            else if (draft.IsRefreshed)
            {
                Volatile.Write(ref _current, draft.Info);
            }
            return result;
        }
        finally
        {
            _changes.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _changes.Dispose();

    private void Tell(RoutingInfo before, RoutingDraft draft)
    {
        foreach (var chain in draft.ChangedChains)
        {
            if (!before.Chains.TryGetValue(chain.ChainId, out var old))
            {
                continue;
            }
            foreach (var target in chain.Targets)
            {
                var state = old.Targets.Find(t => t.TargetId == target.TargetId).PublicState;
                if (state == target.PublicState)
                {
                    continue;
                }
                if (target.PublicState == PublicTargetState.Serving)
                {
                    ClusterLog.ChainServes(
                        _log,
                        chain.ChainId,
                        chain.ChainVersion,
                        target.TargetId
                    );
                }
                else
                {
                    ClusterLog.ChainDegraded(
                        _log,
                        chain.ChainId,
                        chain.ChainVersion,
                        target.TargetId,
                        target.PublicState
                    );
                }
            }
        }
    }

    private static RoutingInfo Load(KeyValueTransaction transaction)
    {
        var info = new RoutingInfo();
        if (transaction.Get(s_versionKey) is { } version)
        {
            info.RoutingInfoVersion = BinaryPrimitives.ReadUInt64LittleEndian(version);
        }
        foreach (var node in All<NodeInfo>(transaction, "NODE"))
        {
            info.Nodes[node.App.NodeId] = node;
        }
        foreach (var chain in All<ChainInfo>(transaction, "CHIF"))
        {
            info.Chains[chain.ChainId] = chain;
        }
        foreach (var target in All<TargetInfo>(transaction, "TGIF"))
        {
            info.Targets[target.TargetId] = target;
        }
        foreach (var table in All<ChainTable>(transaction, "CHIT"))
        {
            if (!info.ChainTables.TryGetValue(table.ChainTableId, out var versions))
            {
                info.ChainTables[table.ChainTableId] = versions = [];
            }
            versions[table.ChainTableVersion] = table;
        }
        return info;
    }

    private static List<T> All<T>(KeyValueTransaction transaction, string prefix)
        where T : ISerdeStruct<T>, new()
    {
        var entries = transaction.Scan(
            KeyRange.OfPrefix(Encoding.ASCII.GetBytes(prefix)),
            int.MaxValue
        );
        return entries.ConvertAll(e => Serde.Read<T>(e.Value));
    }

    private static bool Save(KeyValueTransaction transaction, RoutingDraft draft)
    {
        foreach (var node in draft.ChangedNodes)
        {
            transaction.Put(Key("NODE", node.App.NodeId), Serde.ToArray(node));
        }
        foreach (var node in draft.RemovedNodes)
        {
            transaction.Delete(Key("NODE", node));
        }
        foreach (var chain in draft.ChangedChains)
        {
            transaction.Put(Key("CHIF", chain.ChainId), Serde.ToArray(chain));
        }
        foreach (var target in draft.ChangedTargets)
        {
            transaction.Put(Key("TGIF", target.TargetId), Serde.ToArray(target));
        }
        foreach (var table in draft.NewTables)
        {
            transaction.Put(
                Key("CHIT", ((ulong)table.ChainTableId << 32) | table.ChainTableVersion),
                Serde.ToArray(table)
            );
        }
        var version = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(version, draft.Info.RoutingInfoVersion);
        transaction.Put(s_versionKey, version);
        return true;
    }

    private static byte[] Key(string prefix, ulong id)
    {
        var key = new byte[12];
        Encoding.ASCII.GetBytes(prefix, key);
        // Big-endian, so that a scan yields ascending ids.
        BinaryPrimitives.WriteUInt64BigEndian(key.AsSpan(4), id);
        return key;
    }
}
