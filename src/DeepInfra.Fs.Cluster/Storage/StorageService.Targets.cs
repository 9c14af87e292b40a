// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Chunks;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Storage;

internal sealed partial class StorageService
{
    private RpcService MapTargets(RpcService service) =>
        service
            .On<SpaceInfoReq, SpaceInfoRsp>(StorageMethod.SpaceInfo, "spaceInfo", SpaceInfo)
            .On<CreateTargetReq, CreateTargetRsp>(
                StorageMethod.CreateTarget,
                "createTarget",
                r =>
                {
                    node.CreateTarget(r);
                    return new CreateTargetRsp();
                }
            )
            .On<QueryChunkReq, QueryChunkRsp>(StorageMethod.QueryChunk, "queryChunk", QueryChunk)
            .On<GetAllChunkMetadataReq, GetAllChunkMetadataRsp>(
                StorageMethod.GetAllChunkMetadata,
                "getAllChunkMetadata",
                GetAllChunkMetadata
            )
            .On<OfflineTargetReq, OfflineTargetRsp>(
                StorageMethod.OfflineTarget,
                "offlineTarget",
                OfflineTarget
            )
            .On<RemoveTargetReq, RemoveTargetRsp>(
                StorageMethod.RemoveTarget,
                "removeTarget",
                RemoveTarget
            )
            .On<SyncStartReq, TargetSyncInfo>(
                StorageMethod.SyncStart,
                "syncStart",
                r => throw NoReplication(r.VChainId)
            )
            .On<SyncDoneReq, SyncDoneRsp>(
                StorageMethod.SyncDone,
                "syncDone",
                r => throw NoReplication(r.VChainId)
            );

    private SpaceInfoRsp SpaceInfo(SpaceInfoReq request)
    {
        var (capacity, free, available) = node.Space.Measure();
        return new SpaceInfoRsp
        {
            SpaceInfos =
            [
                new SpaceInfo
                {
                    Path = node.DiskPath,
                    Capacity = (ulong)capacity,
                    Free = (ulong)free,
                    Available = (ulong)available,
                    TargetIds = [.. node.Targets.Keys],
                },
            ],
        };
    }

    private QueryChunkRsp QueryChunk(QueryChunkReq request)
    {
        var view = node.Chains.Find(request.ChainId);
        var response = new QueryChunkRsp { Target = Describe(view) };
        if (view.Target.Chunks.Find(request.ChunkId) is { } record)
        {
            response.Meta = Metadata(record);
        }
        else
        {
            response.Meta = NotFound(request.ChunkId).LengthInfo.Status;
        }
        return response;
    }

    private StorageTarget Describe(ChainView view) =>
        new()
        {
            TargetId = view.Target.Id,
            Path = view.Target.Chunks.Location,
            LowSpace = node.Space.IsLow(),
            RejectCreateChunk = node.Space.IsLow(),
            IsHead = view.IsHead,
            IsTail = view.IsTail,
            VChainId = new VersionedChainId
            {
                ChainId = view.Chain.ChainId,
                ChainVer = view.Chain.ChainVersion,
            },
            LocalState = view.Target.LocalState,
            PublicState = view.PublicState,
            DiskIndex = view.Target.Settings.DiskIndex,
            ChainId = view.Chain.ChainId,
            OfflineUponUserRequest = view.Target.Settings.Offline,
            UseChunkEngine = true,
        };

    private static ChunkMetadata Metadata(ChunkRecord record) =>
        new()
        {
            CommitVer = record.CommitVersion,
            UpdateVer = record.UpdateVersion,
            ChainVer = record.ChainVersion,
            Size = record.Length,
            ChunkState = ChunkState.Commit,
            RecycleState = RecycleState.Normal,
            ChecksumType = ChecksumType.Crc32c,
            ChecksumValue = record.MessageChecksum,
            LastRequestId = record.LastRequestId,
            InnerOffset = record.Block.Index * (ulong)record.Block.Size,
            InnerFileId = new ChunkFileId
            {
                ChunkSize = (uint)record.Block.Size,
                ChunkIdx = record.Block.Index,
            },
            LastClientUuid = record.LastClient,
            Timestamp = record.Timestamp,
        };

    private GetAllChunkMetadataRsp GetAllChunkMetadata(GetAllChunkMetadataReq request)
    {
        var response = new GetAllChunkMetadataRsp();
        foreach (var (id, record) in FindTarget(request.TargetId).Chunks.Descending(null, null))
        {
            response.ChunkMetaVec.Add(
                new ChunkMeta
                {
                    ChunkId = id,
                    UpdateVer = record.UpdateVersion,
                    CommitVer = record.CommitVersion,
                    ChainVer = record.ChainVersion,
                    ChunkState = ChunkState.Commit,
                    Checksum = new ChecksumInfo
                    {
                        Type = ChecksumType.Crc32c,
                        Value = record.MessageChecksum,
                    },
                    Length = record.Length,
                }
            );
        }
        return response;
    }

    private OfflineTargetRsp OfflineTarget(OfflineTargetReq request)
    {
        var target = FindTarget(request.TargetId);
        var view = node.Chains.OfTarget(target.Id);
        if (
            !request.Force
            && view is { PublicState: PublicTargetState.Serving, IsHead: true, IsTail: true }
        )
        {
            throw new ServiceException(
                StatusCode.StorageTargetStateInvalid,
                $"offline failed: target is the last online target! TargetId({target.Id})"
            );
        }
        node.SetOffline(target);
        return new OfflineTargetRsp();
    }

    private RemoveTargetRsp RemoveTarget(RemoveTargetReq request)
    {
        var target = FindTarget(request.TargetId);
        if (!request.Force && target.LocalState != LocalTargetState.Offline)
        {
            throw new ServiceException(
                StatusCode.StorageTargetStateInvalid,
                $"target TargetId({target.Id}) is {target.LocalState}; take it offline first"
            );
        }
        node.RemoveTarget(target);
        return new RemoveTargetRsp();
    }

    private LocalTarget FindTarget(ulong id) =>
        node.Targets.TryGetValue(id, out var target)
            ? target
            : throw new ServiceException(
                StatusCode.StorageClientRoutingError,
                $"target TargetId({id}) not found"
            );

    private static NotSupportedException NoReplication(VersionedChainId chain) =>
        new($"chain {chain.ChainId} has one replica: there is nothing to recover");
}
