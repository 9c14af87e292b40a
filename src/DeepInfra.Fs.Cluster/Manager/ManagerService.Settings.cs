// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using DeepInfra.Fs.Cluster.KeyValue;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Manager;

internal sealed partial class ManagerService
{
    private static readonly byte[] s_leaseKey = Encoding.ASCII.GetBytes("SINGlease");
    private static readonly TimeSpan s_leaseLength = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Writes that this node is the primary until a minute from now. A standby that shares the store may
    /// take over only after that time.
    /// </summary>
    public async Task ExtendLeaseAsync(NodeInfo self)
    {
        var node = Serde.ToArray(Persistent(self));
        var lease = new byte[16 + node.Length];
        var now = _clock.Now();
        BinaryPrimitives.WriteInt64LittleEndian(lease, now);
        BinaryPrimitives.WriteInt64LittleEndian(
            lease.AsSpan(8),
            now + (long)s_leaseLength.TotalMicroseconds
        );
        node.CopyTo(lease, 16);
        await _store
            .WriteAsync(t =>
            {
                t.Put(s_leaseKey, lease);
                return true;
            })
            .ConfigureAwait(false);
    }

    private RpcService MapSettings(RpcService service) =>
        service
            .On<SetConfigReq, SetConfigRsp>(MgmtdMethod.SetConfig, "setConfig", SetConfigAsync)
            .On<GetConfigReq, GetConfigRsp>(MgmtdMethod.GetConfig, "getConfig", GetConfig)
            .On<GetConfigVersionsReq, GetConfigVersionsRsp>(
                MgmtdMethod.GetConfigVersions,
                "getConfigVersions",
                GetConfigVersions
            )
            .On<ExtendClientSessionReq, ExtendClientSessionRsp>(
                MgmtdMethod.ExtendClientSession,
                "extendClientSession",
                ExtendSession
            )
            .On<ListClientSessionsReq, ListClientSessionsRsp>(
                MgmtdMethod.ListClientSessions,
                "listClientSessions",
                ListSessions
            )
            .On<GetClientSessionReq, GetClientSessionRsp>(
                MgmtdMethod.GetClientSession,
                "getClientSession",
                GetSession
            )
            .On<SetUniversalTagsReq, SetUniversalTagsRsp>(
                MgmtdMethod.SetUniversalTags,
                "setUniversalTags",
                SetUniversalTagsAsync
            )
            .On<GetUniversalTagsReq, GetUniversalTagsRsp>(
                MgmtdMethod.GetUniversalTags,
                "getUniversalTags",
                r =>
                {
                    CheckCluster(r.ClusterId);
                    return new GetUniversalTagsRsp { Tags = UniversalTags(r.UniversalId) };
                }
            );

    private async ValueTask<SetConfigRsp> SetConfigAsync(SetConfigReq request, CancellationToken ct)
    {
        CheckCluster(request.ClusterId);
        if (!Enum.IsDefined(request.NodeType))
        {
            throw new ServiceException(StatusCode.InvalidArg, $"node type {request.NodeType}");
        }
        var version = await _store
            .WriteAsync(
                t =>
                {
                    var next = NewestConfig(t, request.NodeType) + 1;
                    var config = new ConfigInfo
                    {
                        ConfigVersion = next,
                        Content = request.Content,
                        Desc = request.Desc,
                    };
                    t.Put(ConfigKey(request.NodeType, next), Serde.ToArray(config));
                    return next;
                },
                ct
            )
            .ConfigureAwait(false);
        return new SetConfigRsp { ConfigVersion = version };
    }

    private GetConfigRsp GetConfig(GetConfigReq request)
    {
        CheckCluster(request.ClusterId);
        return _store.Read(t =>
        {
            var newest = NewestConfig(t, request.NodeType);
            if (!request.ExactVersion && request.ConfigVersion > newest)
            {
                throw new ServiceException(
                    StatusCode.MgmtdInvalidConfigVersion,
                    $"version {request.ConfigVersion} is newer than {newest}"
                );
            }
            var version = request.ExactVersion ? request.ConfigVersion : newest;
            return new GetConfigRsp { Info = FindConfig(t, request.NodeType, version) };
        });
    }

    private GetConfigVersionsRsp GetConfigVersions(GetConfigVersionsReq request)
    {
        CheckCluster(request.ClusterId);
        return _store.Read(t => new GetConfigVersionsRsp
        {
            Versions = Enum.GetValues<NodeType>()
                .ToDictionary(
                    type => type.ToString().ToUpperInvariant(),
                    type => NewestConfig(t, type)
                ),
        });
    }

    private ConfigInfo? NewerConfig(NodeType type, ulong known) =>
        _store.Read(t =>
        {
            var newest = NewestConfig(t, type);
            return newest > known ? FindConfig(t, type, newest) : null;
        });

    private ExtendClientSessionRsp ExtendSession(ExtendClientSessionReq request)
    {
        CheckCluster(request.ClusterId);
        _sessions.Extend(request);
        return new ExtendClientSessionRsp
        {
            Config = NewerConfig(request.Type, request.ConfigVersion),
            Tags = UniversalTags(request.Data.UniversalId),
        };
    }

    private ListClientSessionsRsp ListSessions(ListClientSessionsReq request)
    {
        CheckCluster(request.ClusterId);
        var response = new ListClientSessionsRsp { Sessions = _sessions.All() };
        foreach (var id in response.Sessions.Select(s => s.UniversalId).Distinct())
        {
            if (UniversalTags(id) is { Count: > 0 } tags)
            {
                response.ReferencedTags[id] = tags;
            }
        }
        return response;
    }

    private GetClientSessionRsp GetSession(GetClientSessionReq request)
    {
        CheckCluster(request.ClusterId);
        var session = _sessions.Find(request.ClientId);
        return new GetClientSessionRsp
        {
            Session = session,
            ReferencedTags = session is null ? [] : UniversalTags(session.UniversalId),
        };
    }

    private async ValueTask<SetUniversalTagsRsp> SetUniversalTagsAsync(
        SetUniversalTagsReq request,
        CancellationToken ct
    )
    {
        CheckCluster(request.ClusterId);
        var key = TagsKey(request.UniversalId);
        var tags = await _store
            .WriteAsync(
                t =>
                {
                    var old = t.Get(key) is { } stored
                        ? Serde.Read<GetUniversalTagsRsp>(stored).Tags
                        : [];
                    var next = TagList.Change(old, request.Tags, request.Mode);
                    t.Put(key, Serde.ToArray(new GetUniversalTagsRsp { Tags = next }));
                    return next;
                },
                ct
            )
            .ConfigureAwait(false);
        return new SetUniversalTagsRsp { Tags = tags };
    }

    private List<TagPair> UniversalTags(string universalId) =>
        _store.Read(t =>
            t.Get(TagsKey(universalId)) is { } stored
                ? Serde.Read<GetUniversalTagsRsp>(stored).Tags
                : []
        );

    private static ulong NewestConfig(KeyValueTransaction transaction, NodeType type)
    {
        var newest = 0ul;
        foreach (
            var (key, _) in transaction.Scan(
                KeyRange.OfPrefix(ConfigKey(type, 0).AsSpan(0, 5)),
                int.MaxValue
            )
        )
        {
            newest = Math.Max(newest, BinaryPrimitives.ReadUInt64BigEndian(key.AsSpan(5)));
        }
        return newest;
    }

    private static ConfigInfo? FindConfig(KeyValueTransaction t, NodeType type, ulong version) =>
        t.Get(ConfigKey(type, version)) is { } stored ? Serde.Read<ConfigInfo>(stored) : null;

    private static byte[] ConfigKey(NodeType type, ulong version)
    {
        var key = new byte[13];
        "CONF"u8.CopyTo(key);
        key[4] = (byte)type;
        BinaryPrimitives.WriteUInt64BigEndian(key.AsSpan(5), version);
        return key;
    }

    private static byte[] TagsKey(string universalId) =>
        [.. "UTGS"u8, .. SerdeText.ToBytes(universalId)];
}
