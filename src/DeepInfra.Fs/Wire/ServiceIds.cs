// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

/// <summary>Ids of the services on the wire.</summary>
internal static class ServiceId
{
    public const ushort Storage = 3;
    public const ushort Meta = 4;
    public const ushort RdmaControl = 10;
    public const ushort IBConnect = 11;
    public const ushort MonitorCollector = 194;
    public const ushort Mgmtd = 217;
    public const ushort SimpleExample = 240;
    public const ushort Migration = 241;
    public const ushort Echo = 10000;
    public const ushort Core = 10001;
}

/// <summary>Names under which services are published in routing information.</summary>
internal static class ServiceName
{
    public const string Mgmtd = "Mgmtd";
    public const string Meta = "MetaSerde";
    public const string Storage = "StorageSerde";
    public const string Core = "Core";
}

internal static class CoreMethod
{
    public const ushort Echo = 1;
    public const ushort GetConfig = 2;
    public const ushort RenderConfig = 3;
    public const ushort HotUpdateConfig = 4;
    public const ushort GetLastConfigUpdateRecord = 5;
    public const ushort Shutdown = 6;
}

internal static class MgmtdMethod
{
    public const ushort GetPrimaryMgmtd = 1;
    public const ushort Heartbeat = 3;
    public const ushort RegisterNode = 4;
    public const ushort GetRoutingInfo = 5;
    public const ushort SetConfig = 6;
    public const ushort GetConfig = 7;
    public const ushort SetChainTable = 8;
    public const ushort EnableNode = 9;
    public const ushort DisableNode = 10;
    public const ushort ExtendClientSession = 11;
    public const ushort ListClientSessions = 12;
    public const ushort SetNodeTags = 13;
    public const ushort UnregisterNode = 14;
    public const ushort SetChains = 15;
    public const ushort SetUniversalTags = 16;
    public const ushort GetUniversalTags = 17;
    public const ushort GetConfigVersions = 18;
    public const ushort GetClientSession = 19;
    public const ushort RotateLastSrv = 20;
    public const ushort ListOrphanTargets = 21;
    public const ushort SetPreferredTargetOrder = 22;
    public const ushort RotateAsPreferredOrder = 23;
    public const ushort UpdateChain = 24;
}

internal static class MetaMethod
{
    public const ushort StatFs = 1;
    public const ushort Stat = 2;
    public const ushort Create = 3;
    public const ushort Mkdirs = 4;
    public const ushort Symlink = 5;
    public const ushort HardLink = 6;
    public const ushort Remove = 7;
    public const ushort Open = 8;
    public const ushort Sync = 9;
    public const ushort Close = 10;
    public const ushort Rename = 11;
    public const ushort List = 12;
    public const ushort Truncate = 13;
    public const ushort GetRealPath = 14;
    public const ushort SetAttr = 15;
    public const ushort PruneSession = 16;
    public const ushort DropUserCache = 17;
    public const ushort Authenticate = 18;
    public const ushort LockDirectory = 19;
    public const ushort BatchStat = 20;
    public const ushort BatchStatByPath = 21;
    public const ushort TestRpc = 50;
}

internal static class StorageMethod
{
    public const ushort BatchRead = 1;
    public const ushort Write = 2;
    public const ushort Update = 3;
    public const ushort QueryLastChunk = 5;
    public const ushort TruncateChunks = 6;
    public const ushort RemoveChunks = 7;
    public const ushort SyncStart = 8;
    public const ushort SyncDone = 9;
    public const ushort SpaceInfo = 10;
    public const ushort CreateTarget = 11;
    public const ushort QueryChunk = 12;
    public const ushort GetAllChunkMetadata = 13;
    public const ushort OfflineTarget = 16;
    public const ushort RemoveTarget = 17;
}
