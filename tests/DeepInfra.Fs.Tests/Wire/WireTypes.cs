// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Wire;

/// <summary>The types of the golden data by their upstream names.</summary>
internal static class WireTypes
{
    private static readonly Dictionary<string, WireType> s_types = [];

    static WireTypes()
    {
        Add<ClientId>("ClientId");
        Add<ConfigUpdateRecord>("app::ConfigUpdateRecord");
        Add<EchoMessage>("core::EchoMessage");
        Add<CoreGetConfigReq>("core::GetConfigReq");
        Add<CoreGetConfigRsp>("core::GetConfigRsp");
        Add<GetLastConfigUpdateRecordReq>("core::GetLastConfigUpdateRecordReq");
        Add<GetLastConfigUpdateRecordRsp>("core::GetLastConfigUpdateRecordRsp");
        Add<HotUpdateConfigReq>("core::HotUpdateConfigReq");
        Add<HotUpdateConfigRsp>("core::HotUpdateConfigRsp");
        Add<RenderConfigReq>("core::RenderConfigReq");
        Add<RenderConfigRsp>("core::RenderConfigRsp");
        Add<ShutdownReq>("core::ShutdownReq");
        Add<ShutdownRsp>("core::ShutdownRsp");
        Add<ChainInfo>("flat::ChainInfo");
        Add<ChainSetting>("flat::ChainSetting");
        Add<ChainTable>("flat::ChainTable");
        Add<ChainTargetInfo>("flat::ChainTargetInfo");
        Add<ChainTargetSetting>("flat::ChainTargetSetting");
        Add<ClientSession>("flat::ClientSession");
        Add<ClientSessionData>("flat::ClientSessionData");
        Add<ConfigInfo>("flat::ConfigInfo");
        Add<FbsAppInfo>("flat::FbsAppInfo");
        Add<HeartbeatInfo>("flat::HeartbeatInfo");
        Add<LocalTargetInfo>("flat::LocalTargetInfo");
        Add<MetaHeartbeatInfo>("flat::MetaHeartbeatInfo");
        Add<MgmtdHeartbeatInfo>("flat::MgmtdHeartbeatInfo");
        Add<NodeInfo>("flat::NodeInfo");
        Add<PersistentNodeInfo>("flat::PersistentNodeInfo");
        Add<ReleaseVersion>("flat::ReleaseVersion");
        Add<RoutingInfo>("flat::RoutingInfo");
        Add<ServiceGroupInfo>("flat::ServiceGroupInfo");
        Add<StorageHeartbeatInfo>("flat::StorageHeartbeatInfo");
        Add<TagPair>("flat::TagPair");
        Add<TargetInfo>("flat::TargetInfo");
        Add<UserInfo>("flat::UserInfo");
        Add<Acl>("meta::Acl");
        Add<AuthReq>("meta::AuthReq");
        Add<AuthRsp>("meta::AuthRsp");
        Add<BatchStatByPathReq>("meta::BatchStatByPathReq");
        Add<BatchStatByPathRsp>("meta::BatchStatByPathRsp");
        Add<BatchStatReq>("meta::BatchStatReq");
        Add<BatchStatRsp>("meta::BatchStatRsp");
        Add<CloseReq>("meta::CloseReq");
        Add<CloseRsp>("meta::CloseRsp");
        Add<CreateReq>("meta::CreateReq");
        Add<CreateRsp>("meta::CreateRsp");
        Add<DirEntry>("meta::DirEntry");
        Add<DirectoryInode>("meta::Directory");
        Add<DirectoryLock>("meta::Directory::Lock");
        Add<DropUserCacheReq>("meta::DropUserCacheReq");
        Add<DropUserCacheRsp>("meta::DropUserCacheRsp");
        Add<FileInode>("meta::File");
        Add<GcInfo>("meta::GcInfo");
        Add<GetRealPathReq>("meta::GetRealPathReq");
        Add<GetRealPathRsp>("meta::GetRealPathRsp");
        Add<HardLinkReq>("meta::HardLinkReq");
        Add<HardLinkRsp>("meta::HardLinkRsp");
        Add<Inode>("meta::Inode");
        Add<Layout>("meta::Layout");
        Add<LayoutChainList>("meta::Layout::ChainList");
        Add<LayoutChainRange>("meta::Layout::ChainRange");
        Add<ListReq>("meta::ListReq");
        Add<ListRsp>("meta::ListRsp");
        Add<LockDirectoryReq>("meta::LockDirectoryReq");
        Add<LockDirectoryRsp>("meta::LockDirectoryRsp");
        Add<MkdirsReq>("meta::MkdirsReq");
        Add<MkdirsRsp>("meta::MkdirsRsp");
        Add<OpenReq>("meta::OpenReq");
        Add<OpenRsp>("meta::OpenRsp");
        Add<PathAt>("meta::PathAt");
        Add<PruneSessionReq>("meta::PruneSessionReq");
        Add<PruneSessionRsp>("meta::PruneSessionRsp");
        Add<RemoveReq>("meta::RemoveReq");
        Add<RemoveRsp>("meta::RemoveRsp");
        Add<RenameReq>("meta::RenameReq");
        Add<RenameRsp>("meta::RenameRsp");
        Add<SessionInfo>("meta::SessionInfo");
        Add<SetAttrReq>("meta::SetAttrReq");
        Add<SetAttrRsp>("meta::SetAttrRsp");
        Add<StatFsReq>("meta::StatFsReq");
        Add<StatFsRsp>("meta::StatFsRsp");
        Add<StatReq>("meta::StatReq");
        Add<StatRsp>("meta::StatRsp");
        Add<SymlinkInode>("meta::Symlink");
        Add<SymlinkReq>("meta::SymlinkReq");
        Add<SymlinkRsp>("meta::SymlinkRsp");
        Add<SyncReq>("meta::SyncReq");
        Add<SyncRsp>("meta::SyncRsp");
        Add<TestRpcReq>("meta::TestRpcReq");
        Add<TestRpcRsp>("meta::TestRpcRsp");
        Add<TruncateReq>("meta::TruncateReq");
        Add<TruncateRsp>("meta::TruncateRsp");
        Add<VersionedLength>("meta::VersionedLength");
        Add<DisableNodeReq>("mgmtd::DisableNodeReq");
        Add<DisableNodeRsp>("mgmtd::DisableNodeRsp");
        Add<EnableNodeReq>("mgmtd::EnableNodeReq");
        Add<EnableNodeRsp>("mgmtd::EnableNodeRsp");
        Add<ExtendClientSessionReq>("mgmtd::ExtendClientSessionReq");
        Add<ExtendClientSessionRsp>("mgmtd::ExtendClientSessionRsp");
        Add<GetClientSessionReq>("mgmtd::GetClientSessionReq");
        Add<GetClientSessionRsp>("mgmtd::GetClientSessionRsp");
        Add<GetConfigReq>("mgmtd::GetConfigReq");
        Add<GetConfigRsp>("mgmtd::GetConfigRsp");
        Add<GetConfigVersionsReq>("mgmtd::GetConfigVersionsReq");
        Add<GetConfigVersionsRsp>("mgmtd::GetConfigVersionsRsp");
        Add<GetPrimaryMgmtdReq>("mgmtd::GetPrimaryMgmtdReq");
        Add<GetPrimaryMgmtdRsp>("mgmtd::GetPrimaryMgmtdRsp");
        Add<GetRoutingInfoReq>("mgmtd::GetRoutingInfoReq");
        Add<GetRoutingInfoRsp>("mgmtd::GetRoutingInfoRsp");
        Add<GetUniversalTagsReq>("mgmtd::GetUniversalTagsReq");
        Add<GetUniversalTagsRsp>("mgmtd::GetUniversalTagsRsp");
        Add<HeartbeatReq>("mgmtd::HeartbeatReq");
        Add<HeartbeatRsp>("mgmtd::HeartbeatRsp");
        Add<ListClientSessionsReq>("mgmtd::ListClientSessionsReq");
        Add<ListClientSessionsRsp>("mgmtd::ListClientSessionsRsp");
        Add<ListOrphanTargetsReq>("mgmtd::ListOrphanTargetsReq");
        Add<ListOrphanTargetsRsp>("mgmtd::ListOrphanTargetsRsp");
        Add<RegisterNodeReq>("mgmtd::RegisterNodeReq");
        Add<RegisterNodeRsp>("mgmtd::RegisterNodeRsp");
        Add<RotateAsPreferredOrderReq>("mgmtd::RotateAsPreferredOrderReq");
        Add<RotateAsPreferredOrderRsp>("mgmtd::RotateAsPreferredOrderRsp");
        Add<RotateLastSrvReq>("mgmtd::RotateLastSrvReq");
        Add<RotateLastSrvRsp>("mgmtd::RotateLastSrvRsp");
        Add<SetChainTableReq>("mgmtd::SetChainTableReq");
        Add<SetChainTableRsp>("mgmtd::SetChainTableRsp");
        Add<SetChainsReq>("mgmtd::SetChainsReq");
        Add<SetChainsRsp>("mgmtd::SetChainsRsp");
        Add<SetConfigReq>("mgmtd::SetConfigReq");
        Add<SetConfigRsp>("mgmtd::SetConfigRsp");
        Add<SetNodeTagsReq>("mgmtd::SetNodeTagsReq");
        Add<SetNodeTagsRsp>("mgmtd::SetNodeTagsRsp");
        Add<SetPreferredTargetOrderReq>("mgmtd::SetPreferredTargetOrderReq");
        Add<SetPreferredTargetOrderRsp>("mgmtd::SetPreferredTargetOrderRsp");
        Add<SetUniversalTagsReq>("mgmtd::SetUniversalTagsReq");
        Add<SetUniversalTagsRsp>("mgmtd::SetUniversalTagsRsp");
        Add<UnregisterNodeReq>("mgmtd::UnregisterNodeReq");
        Add<UnregisterNodeRsp>("mgmtd::UnregisterNodeRsp");
        Add<UpdateChainReq>("mgmtd::UpdateChainReq");
        Add<UpdateChainRsp>("mgmtd::UpdateChainRsp");
        Add<JobInfo>("migration::JobInfo");
        Add<ListJobsReq>("migration::ListJobsReq");
        Add<ListJobsRsp>("migration::ListJobsRsp");
        Add<StartJobReq>("migration::StartJobReq");
        Add<StartJobRsp>("migration::StartJobRsp");
        Add<StopJobReq>("migration::StopJobReq");
        Add<StopJobRsp>("migration::StopJobRsp");
        Add<MonitorDistribution>("monitor::Distribution");
        Add<MonitorCollectorRsp>("monitor::MonitorCollectorRsp");
        Add<MonitorSample>("monitor::Sample");
        Add<MonitorTagSet>("monitor::TagSet");
        Add<IBConnectConfig>("net::IBConnectConfig");
        Add<IBConnectIBInfo>("net::IBConnectIBInfo");
        Add<IBConnectReq>("net::IBConnectReq");
        Add<IBConnectRoCEInfo>("net::IBConnectRoCEInfo");
        Add<IBConnectRsp>("net::IBConnectRsp");
        Add<IBDeviceInfo>("net::IBDeviceInfo");
        Add<IBPortInfo>("net::IBDeviceInfo::PortInfo");
        Add<IBQueryReq>("net::IBQueryReq");
        Add<IBQueryRsp>("net::IBQueryRsp");
        Add<RdmaTransmissionReq>("net::RDMATransmissionReq");
        Add<RdmaTransmissionRsp>("net::RDMATransmissionRsp");
        Add<MessagePacket>("serde::MessagePacket<>");
        Add<PacketTimestamp>("serde::Timestamp");
        Add<PacketVersion>("serde::Version");
        Add<SimpleExampleReq>("simple_example::SimpleExampleReq");
        Add<SimpleExampleRsp>("simple_example::SimpleExampleRsp");
        Add<BatchReadReq>("storage::BatchReadReq");
        Add<BatchReadRsp>("storage::BatchReadRsp");
        Add<ChecksumInfo>("storage::ChecksumInfo");
        Add<ChunkFileId>("storage::ChunkFileId");
        Add<ChunkIdRange>("storage::ChunkIdRange");
        Add<ChunkMeta>("storage::ChunkMeta");
        Add<ChunkMetadata>("storage::ChunkMetadata");
        Add<CreateTargetReq>("storage::CreateTargetReq");
        Add<CreateTargetRsp>("storage::CreateTargetRsp");
        Add<DebugFlags>("storage::DebugFlags");
        Add<GetAllChunkMetadataReq>("storage::GetAllChunkMetadataReq");
        Add<GetAllChunkMetadataRsp>("storage::GetAllChunkMetadataRsp");
        Add<GlobalKey>("storage::GlobalKey");
        Add<IOResult>("storage::IOResult");
        Add<MessageTag>("storage::MessageTag");
        Add<OfflineTargetReq>("storage::OfflineTargetReq");
        Add<OfflineTargetRsp>("storage::OfflineTargetRsp");
        Add<QueryChunkReq>("storage::QueryChunkReq");
        Add<QueryChunkRsp>("storage::QueryChunkRsp");
        Add<QueryLastChunkOp>("storage::QueryLastChunkOp");
        Add<QueryLastChunkReq>("storage::QueryLastChunkReq");
        Add<QueryLastChunkResult>("storage::QueryLastChunkResult");
        Add<QueryLastChunkRsp>("storage::QueryLastChunkRsp");
        Add<ReadIO>("storage::ReadIO");
        Add<RemoveChunksOp>("storage::RemoveChunksOp");
        Add<RemoveChunksReq>("storage::RemoveChunksReq");
        Add<RemoveChunksResult>("storage::RemoveChunksResult");
        Add<RemoveChunksRsp>("storage::RemoveChunksRsp");
        Add<RemoveTargetReq>("storage::RemoveTargetReq");
        Add<RemoveTargetRsp>("storage::RemoveTargetRsp");
        Add<SpaceInfo>("storage::SpaceInfo");
        Add<SpaceInfoReq>("storage::SpaceInfoReq");
        Add<SpaceInfoRsp>("storage::SpaceInfoRsp");
        Add<Successor>("storage::Successor");
        Add<SyncDoneReq>("storage::SyncDoneReq");
        Add<SyncDoneRsp>("storage::SyncDoneRsp");
        Add<SyncStartReq>("storage::SyncStartReq");
        Add<StorageTarget>("storage::Target");
        Add<TargetSyncInfo>("storage::TargetSyncInfo");
        Add<TruncateChunkOp>("storage::TruncateChunkOp");
        Add<TruncateChunksReq>("storage::TruncateChunksReq");
        Add<TruncateChunksRsp>("storage::TruncateChunksRsp");
        Add<UInt8Vector>("storage::UInt8Vector");
        Add<UpdateChannel>("storage::UpdateChannel");
        Add<UpdateIO>("storage::UpdateIO");
        Add<UpdateOptions>("storage::UpdateOptions");
        Add<UpdateReq>("storage::UpdateReq");
        Add<UpdateRsp>("storage::UpdateRsp");
        Add<VersionedChainId>("storage::VersionedChainId");
        Add<WriteReq>("storage::WriteReq");
        Add<WriteRsp>("storage::WriteRsp");
        Add<DemoAllKinds>("demo::AllKinds");
        Add<DemoBase>("demo::Base");
        Add<DemoDerived>("demo::Derived");
        Add<DemoDerived2>("demo::Derived2");
        Add<DemoDerivedAfterNone>("demo::DerivedAfterNone");
        Add<DemoDerivedNone>("demo::DerivedNone");
        Add<DemoEmpty>("demo::Empty");
        Add<DemoFB>("demo::FB");
        Add<DemoH1>("demo::H1");
        Add<DemoH2>("demo::H2");
        Add<DemoNF>("demo::NF");
        Add<DemoNest>("demo::Nest");
        Add<DemoPoint>("demo::Point");
        Add<DemoV1>("demo::V1");
        Add<DemoV2>("demo::V2");
        Add<DemoW1>("demo::W1");
        Add<DemoW2>("demo::W2");
        AddValues();
    }

    public static IReadOnlyDictionary<string, WireType> All => s_types;

    public static WireType Get(string name) => s_types[name];

    private static void AddValues()
    {
        Add<bool, Scalar<bool>>("bool");
        Add<sbyte, Scalar<sbyte>>("i8");
        Add<byte, Scalar<byte>>("u8");
        Add<short, Scalar<short>>("i16");
        Add<ushort, Scalar<ushort>>("u16");
        Add<int, Scalar<int>>("i32");
        Add<uint, Scalar<uint>>("u32");
        Add<long, Scalar<long>>("i64");
        Add<ulong, Scalar<ulong>>("u64");
        Add<float, Scalar<float>>("f32");
        Add<double, Scalar<double>>("f64");
        Add<uint, Varint32>("varint32");
        Add<ulong, Varint64>("varint64");
        Add<ushort, Scalar<ushort>>("Strong16(u16)");
        Add<uint, Scalar<uint>>("Strong32(u32)");
        Add<uint, Scalar<uint>>("Permission(u32)");
        Add<ulong, Scalar<ulong>>("inode_id(u64)");
        Add<ulong, Scalar<ulong>>("size(u64)");
        Add<long, Scalar<long>>("utc_time_us(i64)");
        Add<AtFlags, EnumOf<AtFlags>>("meta::AtFlags(i32)");
        Add<DemoColor, EnumOf<DemoColor>>("enum demo::Color(u8)");
        Add<DemoWide, EnumOf<DemoWide>>("enum demo::Wide(u32)");
        Add<ulong, DemoBigEndian>("big_endian<u64>");
        Add<string, Text>("string");
        Add<string, Text>("path(string)");
        Add<ChunkId, ChunkIdCodec>("chunk_id(string)");
        Add<Guid, Uuid>("uuid(16 bytes)");
        Add<NodeAddress, AddressCodec>("address(ip4,u16 port,u16 type)");
        Add<RdmaRemoteBuf, RdmaRemoteBufCodec>("rdma_remote_buf");
        Add<Status, StatusCodec>("status");
        Add<Unit, Nothing>("void");
        Add<Result<Unit>, ResultOf<Unit, Nothing>>("result<void>");
        Add<Result<uint>, ResultOf<uint, Scalar<uint>>>("result<u32>");
        Add<uint?, OptionalValue<uint, Scalar<uint>>>("optional<u32>");
        Add<byte?, OptionalValue<byte, Scalar<byte>>>("optional<u8>");
        Add<string?, OptionalRef<string, Text>>("optional<string>");
        Add<DemoPoint?, OptionalRef<DemoPoint, StructOf<DemoPoint>>>("optional<demo::Point>");
        Add<List<ushort>?, OptionalRef<List<ushort>, ListOf<ushort, Scalar<ushort>>>>(
            "optional<vector<u16>>"
        );
        Add<InlineData, Blob>("vector<u8>");
        Add<List<bool>, ListOf<bool, Scalar<bool>>>("vector<bool>");
        Add<List<ushort>, ListOf<ushort, Scalar<ushort>>>("vector<u16>");
        Add<List<uint>, ListOf<uint, Scalar<uint>>>("vector<u32>");
        Add<List<double>, ListOf<double, Scalar<double>>>("vector<f64>");
        Add<List<DemoPoint>, ListOf<DemoPoint, StructOf<DemoPoint>>>("vector<demo::Point>");
        Add<List<MonitorSample>, ListOf<MonitorSample, StructOf<MonitorSample>>>(
            "vector<monitor::Sample>"
        );
        Add<List<byte?>, ListOf<byte?, OptionalValue<byte, Scalar<byte>>>>("vector<optional<u8>>");
        Add<
            List<Result<DemoPoint>>,
            ListOf<Result<DemoPoint>, ResultOf<DemoPoint, StructOf<DemoPoint>>>
        >("vector<result<demo::Point>>");
        Add<List<List<ushort>>, ListOf<List<ushort>, ListOf<ushort, Scalar<ushort>>>>(
            "vector<vector<u16>>"
        );
        Add<List<string>, SetOf<string, Text>>("set<string>");
        Add<List<byte>, SetOf<byte, Scalar<byte>>>("set<u8>");
        Add<Dictionary<string, uint>, SortedMapOf<string, Text, uint, Scalar<uint>>>(
            "map<string,u32>"
        );
        Add<Dictionary<uint, string>, SortedMapOf<uint, Scalar<uint>, string, Text>>(
            "map<u32,string>"
        );
        Add<Dictionary<uint, byte>, MapOf<uint, Scalar<uint>, byte, Scalar<byte>>>("map<u32,u8>");
        Add<Dictionary<byte, byte>, SortedMapOf<byte, Scalar<byte>, byte, Scalar<byte>>>(
            "map<u8,u8>"
        );
        Add<Dictionary<string, uint>, MapOf<string, Text, uint, Scalar<uint>>>(
            "hash_map<string,u32>"
        );
        Add<DemoPair, DemoPairCodec>("pair<u8,string>");
        Add<IDemoVariant, DemoVariantCodec>(
            "variant<Point=demo::Point,Empty=demo::Empty,Nest=demo::Nest>"
        );
        Add<IHeartbeatBody, HeartbeatBodyCodec>("variant<flat::HeartbeatInfo.info>");
        Add<
            Dictionary<uint, Dictionary<uint, ChainTable>>,
            MapOf<
                uint,
                Scalar<uint>,
                Dictionary<uint, ChainTable>,
                SortedMapOf<uint, Scalar<uint>, ChainTable, StructOf<ChainTable>>
            >
        >("hash_map<u32,map<u32,flat::ChainTable>>");
        Add<IMonitorValue, MonitorValueCodec>("variant<long=i64,dist=monitor::Distribution>");
    }

    private static void Add<T>(string name)
        where T : ISerdeStruct<T>, new()
    {
        s_types[name] = new WireType<T, StructOf<T>>(() => new T());
        s_types[$"result<{name}>"] = new WireType<Result<T>, ResultOf<T, StructOf<T>>>(() =>
            new T()
        );
    }

    private static void Add<T, TCodec>(string name)
        where TCodec : struct, ISerdeCodec<T> =>
        s_types[name] = new WireType<T, TCodec>(() => default!);
}
