// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs;

/// <summary>
/// Status codes of the 3FS protocol, as servers send them and as the client reports them. The area of a code is
/// its thousands: 0 common, 1 transaction, 2 remote call, 3 metadata, 4 storage, 5 manager, 6 manager client,
/// 7 storage client, 8 client agent, 10 command line, 11 key-value service.
/// </summary>
public enum StatusCode : ushort
{
    /// <summary>Ok.</summary>
    Ok = 0,

    /// <summary>Not implemented.</summary>
    NotImplemented = 1,

    /// <summary>Data corruption.</summary>
    DataCorruption = 2,

    /// <summary>Invalid arg.</summary>
    InvalidArg = 3,

    /// <summary>Invalid config.</summary>
    InvalidConfig = 4,

    /// <summary>Queue empty.</summary>
    QueueEmpty = 5,

    /// <summary>Queue full.</summary>
    QueueFull = 6,

    /// <summary>Queue conflict.</summary>
    QueueConflict = 7,

    /// <summary>Queue invalid item.</summary>
    QueueInvalidItem = 8,

    /// <summary>Monitor init failed.</summary>
    MonitorInitFailed = 12,

    /// <summary>Monitor query failed.</summary>
    MonitorQueryFailed = 13,

    /// <summary>Monitor write failed.</summary>
    MonitorWriteFailed = 14,

    /// <summary>Config invalid type.</summary>
    ConfigInvalidType = 15,

    /// <summary>Config invalid value.</summary>
    ConfigInvalidValue = 16,

    /// <summary>Config update failed.</summary>
    ConfigUpdateFailed = 17,

    /// <summary>Config validate failed.</summary>
    ConfigValidateFailed = 18,

    /// <summary>Config redundant key.</summary>
    ConfigRedundantKey = 19,

    /// <summary>Config key not found.</summary>
    ConfigKeyNotFound = 20,

    /// <summary>Authentication fail.</summary>
    AuthenticationFail = 25,

    /// <summary>Not enough memory.</summary>
    NotEnoughMemory = 26,

    /// <summary>Interrupted.</summary>
    Interrupted = 27,

    /// <summary>Invalid format.</summary>
    InvalidFormat = 33,

    /// <summary>Read only mode.</summary>
    ReadOnlyMode = 34,

    /// <summary>Serde insufficient length.</summary>
    SerdeInsufficientLength = 40,

    /// <summary>Serde missing fields at end.</summary>
    SerdeMissingFieldsAtEnd = 41,

    /// <summary>Serde variant index exceeded.</summary>
    SerdeVariantIndexExceeded = 42,

    /// <summary>Serde unknown enum value.</summary>
    SerdeUnknownEnumValue = 43,

    /// <summary>Serde not container.</summary>
    SerdeNotContainer = 44,

    /// <summary>Serde not string.</summary>
    SerdeNotString = 45,

    /// <summary>Serde not number.</summary>
    SerdeNotNumber = 46,

    /// <summary>Serde not integer.</summary>
    SerdeNotInteger = 47,

    /// <summary>Serde not table.</summary>
    SerdeNotTable = 48,

    /// <summary>Serde key not found.</summary>
    SerdeKeyNotFound = 49,

    /// <summary>Serde invalid json.</summary>
    SerdeInvalidJson = 50,

    /// <summary>Serde invalid toml.</summary>
    SerdeInvalidToml = 51,

    /// <summary>No application.</summary>
    NoApplication = 52,

    /// <summary>Cannot push config.</summary>
    CannotPushConfig = 53,

    /// <summary>Kv store not found.</summary>
    KvStoreNotFound = 60,

    /// <summary>Kv store get error.</summary>
    KvStoreGetError = 61,

    /// <summary>Kv store set error.</summary>
    KvStoreSetError = 62,

    /// <summary>Kv store open failed.</summary>
    KvStoreOpenFailed = 63,

    /// <summary>Token mismatch.</summary>
    TokenMismatch = 64,

    /// <summary>Token duplicated.</summary>
    TokenDuplicated = 65,

    /// <summary>Token stale.</summary>
    TokenStale = 66,

    /// <summary>Too many tokens.</summary>
    TooManyTokens = 67,

    /// <summary>Kv store iterate error.</summary>
    KvStoreIterateError = 68,

    /// <summary>IO error.</summary>
    IOError = 69,

    /// <summary>Fault injection.</summary>
    FaultInjection = 70,

    /// <summary>Config parse error.</summary>
    ConfigParseError = 71,

    /// <summary>OS error.</summary>
    OSError = 72,

    /// <summary>Found bug.</summary>
    FoundBug = 998,

    /// <summary>Unknown.</summary>
    Unknown = 999,

    /// <summary>Metadata transaction: failed.</summary>
    TransactionFailed = 1000,

    /// <summary>Metadata transaction: conflict.</summary>
    TransactionConflict = 1001,

    /// <summary>Metadata transaction: throttled.</summary>
    TransactionThrottled = 1002,

    /// <summary>Metadata transaction: too old.</summary>
    TransactionTooOld = 1003,

    /// <summary>Metadata transaction: network error.</summary>
    TransactionNetworkError = 1004,

    /// <summary>Metadata transaction: canceled.</summary>
    TransactionCanceled = 1005,

    /// <summary>Metadata transaction: maybe committed.</summary>
    TransactionMaybeCommitted = 1006,

    /// <summary>Metadata transaction: retryable.</summary>
    TransactionRetryable = 1007,

    /// <summary>Metadata transaction: resource constrained.</summary>
    TransactionResourceConstrained = 1008,

    /// <summary>Metadata transaction: process behind.</summary>
    TransactionProcessBehind = 1009,

    /// <summary>Metadata transaction: future version.</summary>
    TransactionFutureVersion = 1010,

    /// <summary>Remote call: invalid message type.</summary>
    RpcInvalidMessageType = 2000,

    /// <summary>Remote call: request is empty.</summary>
    RpcRequestIsEmpty = 2001,

    /// <summary>Remote call: verify request failed.</summary>
    RpcVerifyRequestFailed = 2002,

    /// <summary>Remote call: verify response failed.</summary>
    RpcVerifyResponseFailed = 2003,

    /// <summary>Remote call: timeout.</summary>
    RpcTimeout = 2005,

    /// <summary>Remote call: invalid addr.</summary>
    RpcInvalidAddr = 2006,

    /// <summary>Remote call: send failed.</summary>
    RpcSendFailed = 2007,

    /// <summary>Remote call: invalid service id.</summary>
    RpcInvalidServiceId = 2008,

    /// <summary>Remote call: invalid method id.</summary>
    RpcInvalidMethodId = 2009,

    /// <summary>Remote call: socket error.</summary>
    RpcSocketError = 2010,

    /// <summary>Remote call: listen failed.</summary>
    RpcListenFailed = 2011,

    /// <summary>Remote call: request refused.</summary>
    RpcRequestRefused = 2012,

    /// <summary>Remote call: socket closed.</summary>
    RpcSocketClosed = 2013,

    /// <summary>Remote call: connect failed.</summary>
    RpcConnectFailed = 2014,

    /// <summary>Remote call: IB init failed.</summary>
    RpcIBInitFailed = 2015,

    /// <summary>Remote call: IB device not found.</summary>
    RpcIBDeviceNotFound = 2016,

    /// <summary>Remote call: rdma post failed.</summary>
    RpcRdmaPostFailed = 2017,

    /// <summary>Remote call: rdma error.</summary>
    RpcRdmaError = 2018,

    /// <summary>Remote call: rdma no buf.</summary>
    RpcRdmaNoBuf = 2019,

    /// <summary>Remote call: invalid service name.</summary>
    RpcInvalidServiceName = 2020,

    /// <summary>Remote call: IB device not initialized.</summary>
    RpcIBDeviceNotInitialized = 2021,

    /// <summary>Remote call: epoll init error.</summary>
    RpcEpollInitError = 2022,

    /// <summary>Remote call: epoll add error.</summary>
    RpcEpollAddError = 2023,

    /// <summary>Remote call: epoll del error.</summary>
    RpcEpollDelError = 2024,

    /// <summary>Remote call: epoll wake up error.</summary>
    RpcEpollWakeUpError = 2025,

    /// <summary>Remote call: epoll wait error.</summary>
    RpcEpollWaitError = 2026,

    /// <summary>Remote call: IB open port failed.</summary>
    RpcIBOpenPortFailed = 2027,

    /// <summary>Metadata service: not found.</summary>
    MetaNotFound = 3000,

    /// <summary>Metadata service: not empty.</summary>
    MetaNotEmpty = 3001,

    /// <summary>Metadata service: not directory.</summary>
    MetaNotDirectory = 3003,

    /// <summary>Metadata service: too many symlinks.</summary>
    MetaTooManySymlinks = 3005,

    /// <summary>Metadata service: is directory.</summary>
    MetaIsDirectory = 3006,

    /// <summary>Metadata service: exists.</summary>
    MetaExists = 3007,

    /// <summary>Metadata service: no permission.</summary>
    MetaNoPermission = 3008,

    /// <summary>Metadata service: inconsistent.</summary>
    MetaInconsistent = 3009,

    /// <summary>Metadata service: not file.</summary>
    MetaNotFile = 3010,

    /// <summary>Metadata service: bad file system.</summary>
    MetaBadFileSystem = 3011,

    /// <summary>Metadata service: inode id alloc failed.</summary>
    MetaInodeIdAllocFailed = 3012,

    /// <summary>Metadata service: invalid file layout.</summary>
    MetaInvalidFileLayout = 3013,

    /// <summary>Metadata service: file has hole.</summary>
    MetaFileHasHole = 3014,

    /// <summary>Metadata service: o trunc failed.</summary>
    MetaOTruncFailed = 3015,

    /// <summary>Metadata service: more chunks to remove.</summary>
    MetaMoreChunksToRemove = 3016,

    /// <summary>Metadata service: name too long.</summary>
    MetaNameTooLong = 3017,

    /// <summary>Metadata service: request canceled.</summary>
    MetaRequestCanceled = 3018,

    /// <summary>Metadata service: busy.</summary>
    MetaBusy = 3019,

    /// <summary>Metadata service: expected.</summary>
    MetaExpected = 3100,

    /// <summary>Metadata service: no lock.</summary>
    MetaNoLock = 3101,

    /// <summary>Metadata service: file too large.</summary>
    MetaFileTooLarge = 3102,

    /// <summary>Metadata service: retryable.</summary>
    MetaRetryable = 3200,

    /// <summary>Metadata service: forward failed.</summary>
    MetaForwardFailed = 3201,

    /// <summary>Metadata service: forward timeout.</summary>
    MetaForwardTimeout = 3202,

    /// <summary>Metadata service: operation timeout.</summary>
    MetaOperationTimeout = 3203,

    /// <summary>Metadata service: not retryable.</summary>
    MetaNotRetryable = 3300,

    /// <summary>Metadata service: found bug.</summary>
    MetaFoundBug = 3999,

    /// <summary>Storage service: chunk metadata unpack error.</summary>
    StorageChunkMetadataUnpackError = 4000,

    /// <summary>Storage service: chunk metadata not found.</summary>
    StorageChunkMetadataNotFound = 4001,

    /// <summary>Storage service: chunk metadata get error.</summary>
    StorageChunkMetadataGetError = 4002,

    /// <summary>Storage service: chunk metadata set error.</summary>
    StorageChunkMetadataSetError = 4003,

    /// <summary>Storage service: chunk not commit.</summary>
    StorageChunkNotCommit = 4004,

    /// <summary>Storage service: chunk not clean.</summary>
    StorageChunkNotClean = 4005,

    /// <summary>Storage service: chunk stale update.</summary>
    StorageChunkStaleUpdate = 4006,

    /// <summary>Storage service: chunk missing update.</summary>
    StorageChunkMissingUpdate = 4007,

    /// <summary>Storage service: chunk committed update.</summary>
    StorageChunkCommittedUpdate = 4008,

    /// <summary>Storage service: chunk open failed.</summary>
    StorageChunkOpenFailed = 4009,

    /// <summary>Storage service: chunk read failed.</summary>
    StorageChunkReadFailed = 4010,

    /// <summary>Storage service: chunk write failed.</summary>
    StorageChunkWriteFailed = 4011,

    /// <summary>Storage service: chunk advance update.</summary>
    StorageChunkAdvanceUpdate = 4012,

    /// <summary>Storage service: chunk apply failed.</summary>
    StorageChunkApplyFailed = 4013,

    /// <summary>Storage service: punch hole failed.</summary>
    StoragePunchHoleFailed = 4014,

    /// <summary>Storage service: chunk size mismatch.</summary>
    StorageChunkSizeMismatch = 4015,

    /// <summary>Storage service: stat failed.</summary>
    StorageStatFailed = 4016,

    /// <summary>Storage service: uuid mismatch.</summary>
    StorageUuidMismatch = 4017,

    /// <summary>Storage service: init failed.</summary>
    StorageInitFailed = 4018,

    /// <summary>Storage service: meta store open failed.</summary>
    StorageMetaStoreOpenFailed = 4020,

    /// <summary>Storage service: meta store invalid iterator.</summary>
    StorageMetaStoreInvalidIterator = 4021,

    /// <summary>Storage service: chunk not ready to remove.</summary>
    StorageChunkNotReadyToRemove = 4022,

    /// <summary>Storage service: chunk stale commit.</summary>
    StorageChunkStaleCommit = 4023,

    /// <summary>Storage service: chunk invalid chunk size.</summary>
    StorageChunkInvalidChunkSize = 4024,

    /// <summary>Storage service: target offline.</summary>
    StorageTargetOffline = 4030,

    /// <summary>Storage service: target not found.</summary>
    StorageTargetNotFound = 4031,

    /// <summary>Storage service: target state invalid.</summary>
    StorageTargetStateInvalid = 4032,

    /// <summary>Storage service: no successor target.</summary>
    StorageNoSuccessorTarget = 4033,

    /// <summary>Storage service: no successor addr.</summary>
    StorageNoSuccessorAddr = 4034,

    /// <summary>Storage service: chunk store init failed.</summary>
    StorageChunkStoreInitFailed = 4040,

    /// <summary>Storage service: aio submit failed.</summary>
    StorageAioSubmitFailed = 4050,

    /// <summary>Storage service: aio get events failed.</summary>
    StorageAioGetEventsFailed = 4051,

    /// <summary>Storage service: buffer size exceeded.</summary>
    StorageBufferSizeExceeded = 4060,

    /// <summary>Storage service: sync start failed.</summary>
    StorageSyncStartFailed = 4070,

    /// <summary>Storage service: sync send start failed.</summary>
    StorageSyncSendStartFailed = 4071,

    /// <summary>Storage service: sync send done failed.</summary>
    StorageSyncSendDoneFailed = 4072,

    /// <summary>Storage service: checksum mismatch.</summary>
    StorageChecksumMismatch = 4080,

    /// <summary>Storage service: chain version mismatch.</summary>
    StorageChainVersionMismatch = 4081,

    /// <summary>Storage service: chunk version mismatch.</summary>
    StorageChunkVersionMismatch = 4082,

    /// <summary>Storage service: channel is locked.</summary>
    StorageChannelIsLocked = 4090,

    /// <summary>Storage service: chunk is locked.</summary>
    StorageChunkIsLocked = 4091,

    /// <summary>Manager: not primary.</summary>
    MgmtdNotPrimary = 5000,

    /// <summary>Manager: node not found.</summary>
    MgmtdNodeNotFound = 5001,

    /// <summary>Manager: heartbeat fail.</summary>
    MgmtdHeartbeatFail = 5002,

    /// <summary>Manager: cluster id mismatch.</summary>
    MgmtdClusterIdMismatch = 5003,

    /// <summary>Manager: register fail.</summary>
    MgmtdRegisterFail = 5004,

    /// <summary>Manager: invalid routing info version.</summary>
    MgmtdInvalidRoutingInfoVersion = 5005,

    /// <summary>Manager: invalid config version.</summary>
    MgmtdInvalidConfigVersion = 5006,

    /// <summary>Manager: invalid chain table.</summary>
    MgmtdInvalidChainTable = 5007,

    /// <summary>Manager: invalid chain table version.</summary>
    MgmtdInvalidChainTableVersion = 5008,

    /// <summary>Manager: heartbeat version stale.</summary>
    MgmtdHeartbeatVersionStale = 5009,

    /// <summary>Manager: client session version stale.</summary>
    MgmtdClientSessionVersionStale = 5010,

    /// <summary>Manager: invalid tag.</summary>
    MgmtdInvalidTag = 5011,

    /// <summary>Manager: chain not found.</summary>
    MgmtdChainNotFound = 5012,

    /// <summary>Manager: node type mismatch.</summary>
    MgmtdNodeTypeMismatch = 5013,

    /// <summary>Manager: extend client session mismatch.</summary>
    MgmtdExtendClientSessionMismatch = 5014,

    /// <summary>Manager: client session not found.</summary>
    MgmtdClientSessionNotFound = 5015,

    /// <summary>Manager: not admin.</summary>
    MgmtdNotAdmin = 5016,

    /// <summary>Manager: target not found.</summary>
    MgmtdTargetNotFound = 5017,

    /// <summary>Manager: target existed.</summary>
    MgmtdTargetExisted = 5018,

    /// <summary>Manager client: primary mgmtd not found.</summary>
    MgmtdClientPrimaryMgmtdNotFound = 6000,

    /// <summary>Manager client: work queue full.</summary>
    MgmtdClientWorkQueueFull = 6001,

    /// <summary>Manager client: meta service not available.</summary>
    MgmtdClientMetaServiceNotAvailable = 6002,

    /// <summary>Manager client: exit.</summary>
    MgmtdClientExit = 6003,

    /// <summary>Manager client: routing info not ready.</summary>
    MgmtdClientRoutingInfoNotReady = 6004,

    /// <summary>Storage client: init failed.</summary>
    StorageClientInitFailed = 7000,

    /// <summary>Storage client: memory error.</summary>
    StorageClientMemoryError = 7001,

    /// <summary>Storage client: invalid arg.</summary>
    StorageClientInvalidArg = 7002,

    /// <summary>Storage client: not initialized.</summary>
    StorageClientNotInitialized = 7003,

    /// <summary>Storage client: routing error.</summary>
    StorageClientRoutingError = 7004,

    /// <summary>Storage client: not available.</summary>
    StorageClientNotAvailable = 7005,

    /// <summary>Storage client: comm error.</summary>
    StorageClientCommError = 7006,

    /// <summary>Storage client: chunk not found.</summary>
    StorageClientChunkNotFound = 7007,

    /// <summary>Storage client: timeout.</summary>
    StorageClientTimeout = 7008,

    /// <summary>Storage client: bad config.</summary>
    StorageClientBadConfig = 7009,

    /// <summary>Storage client: remote IO error.</summary>
    StorageClientRemoteIOError = 7010,

    /// <summary>Storage client: server error.</summary>
    StorageClientServerError = 7011,

    /// <summary>Storage client: resource busy.</summary>
    StorageClientResourceBusy = 7012,

    /// <summary>Storage client: duplicate update.</summary>
    StorageClientDuplicateUpdate = 7013,

    /// <summary>Storage client: routing version mismatch.</summary>
    StorageClientRoutingVersionMismatch = 7014,

    /// <summary>Storage client: checksum mismatch.</summary>
    StorageClientChecksumMismatch = 7015,

    /// <summary>Storage client: no rdma interface.</summary>
    StorageClientNoRdmaInterface = 7016,

    /// <summary>Storage client: protocol mismatch.</summary>
    StorageClientProtocolMismatch = 7017,

    /// <summary>Storage client: request canceled.</summary>
    StorageClientRequestCanceled = 7018,

    /// <summary>Storage client: read only server.</summary>
    StorageClientReadOnlyServer = 7019,

    /// <summary>Storage client: chunk not commit.</summary>
    StorageClientChunkNotCommit = 7020,

    /// <summary>Storage client: no space.</summary>
    StorageClientNoSpace = 7021,

    /// <summary>Storage client: found bug.</summary>
    StorageClientFoundBug = 7999,

    /// <summary>Client agent: too many open files.</summary>
    ClientAgentTooManyOpenFiles = 8000,

    /// <summary>Client agent: hole in io outcome.</summary>
    ClientAgentHoleInIoOutcome = 8001,

    /// <summary>Client agent: failed to start.</summary>
    ClientAgentFailedToStart = 8002,

    /// <summary>Client agent: operation disabled.</summary>
    ClientAgentOperationDisabled = 8003,

    /// <summary>Client agent: iov not registered.</summary>
    ClientAgentIovNotRegistered = 8004,

    /// <summary>Client agent: iov shm fail.</summary>
    ClientAgentIovShmFail = 8006,

    /// <summary>Command line: wrong usage.</summary>
    CliWrongUsage = 10000,

    /// <summary>Key-value service: update conflict.</summary>
    KvServiceUpdateConflict = 11000,

    /// <summary>Key-value service: operating by others.</summary>
    KvServiceOperatingByOthers = 11001,

    /// <summary>Key-value service: store not found.</summary>
    KvServiceStoreNotFound = 11002,

    /// <summary>Key-value service: store not available.</summary>
    KvServiceStoreNotAvailable = 11003,

    /// <summary>Key-value service: store loaded.</summary>
    KvServiceStoreLoaded = 11004,

    /// <summary>Key-value service: cluster id mismatch.</summary>
    KvServiceClusterIdMismatch = 11005,

    /// <summary>Key-value service: not primary.</summary>
    KvServiceNotPrimary = 11006,

    /// <summary>Key-value service: table info stale.</summary>
    KvServiceTableInfoStale = 11007,

    /// <summary>Key-value service: heartbeat version stale.</summary>
    KvServiceHeartbeatVersionStale = 11008,

    /// <summary>Key-value service: unknown worker.</summary>
    KvServiceUnknownWorker = 11009,

    /// <summary>Key-value service: store lease empty.</summary>
    KvServiceStoreLeaseEmpty = 11010,

    /// <summary>Key-value service: store lease held.</summary>
    KvServiceStoreLeaseHeld = 11011,

    /// <summary>Key-value service: table not found.</summary>
    KvServiceTableNotFound = 11012,

    /// <summary>Key-value service: table id mismatch.</summary>
    KvServiceTableIdMismatch = 11013,

    /// <summary>Key-value service: no available worker.</summary>
    KvServiceNoAvailableWorker = 11014,

    /// <summary>Key-value service: no permission.</summary>
    KvServiceNoPermission = 11015,

    /// <summary>Key-value service: no available master.</summary>
    KvServiceNoAvailableMaster = 11016,

    /// <summary>Key-value service: store type mismatch.</summary>
    KvServiceStoreTypeMismatch = 11017,

    /// <summary>Key-value service: write stale.</summary>
    KvServiceWriteStale = 11018,

    /// <summary>Key-value service: exists.</summary>
    KvServiceExists = 11019,

    /// <summary>Key-value service: not found.</summary>
    KvServiceNotFound = 11020,

    /// <summary>Key-value service: out of range.</summary>
    KvServiceOutOfRange = 11021,

    /// <summary>Key-value service: deleted.</summary>
    KvServiceDeleted = 11022,

    /// <summary>Key-value service: service stopping.</summary>
    KvServiceServiceStopping = 11023,
}
