// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Interop;
using RocksDbSharp;

namespace DeepInfra.Fs.Cluster.KeyValue;

/// <summary>
/// How this package opens RocksDB: one place for the options that matter to durability, so that the
/// metadata store and the chunk index cannot drift apart.
/// </summary>
internal static class RocksDatabase
{
    /// <summary>Opens or creates a database.</summary>
    /// <param name="directory">Directory of the database; created when missing.</param>
    /// <param name="durability">What its commits survive.</param>
    /// <exception cref="ClusterStorageException">The database cannot be opened.</exception>
    public static RocksDb Open(string directory, DurabilityMode durability)
    {
        DurableDirectory.Create(directory);
        var table = new BlockBasedTableOptions()
            .SetBlockSize(16 * 1024)
            .SetBlockCache(RocksDbSharp.Cache.CreateLru(64UL << 20))
            .SetFilterPolicy(BloomFilterPolicy.Create(10, false));
        var options = new DbOptions()
            .SetCreateIfMissing(true)
            .SetBlockBasedTableFactory(table)
            .SetCompression(Compression.No)
            .SetWriteBufferSize(8UL << 20)
            .SetMaxTotalWalSize(32UL << 20)
            .SetMaxOpenFiles(256)
            .SetParanoidChecks(true)
            .SetInfoLogLevel(InfoLogLevel.Error)
            .SetKeepLogFileNum(1)
            .SetMaxLogFileSize(1UL << 20)
            .SetStatsDumpPeriodSec(0)
            // A record that was cut off by a crash ends the log and everything before it is replayed. Damage further
            // up refuses to open: replaying up to it would drop acknowledged writes behind it without a word. A log
            // that is never flushed may be damaged anywhere after a power loss, which it does not promise to
            // survive; what precedes the damage is a state that was.
            .SetWalRecoveryMode(
                durability == DurabilityMode.Fsync
                    ? Recovery.TolerateCorruptedTailRecords
                    : Recovery.PointInTime
            );
        try
        {
            return RocksDb.Open(options, directory);
        }
        catch (RocksDbSharpException e)
        {
            throw new ClusterStorageException(
                $"cannot open the database in '{directory}': {e.Message}",
                e
            );
        }
    }

    /// <summary>Write options of a durability mode.</summary>
    public static WriteOptions WriteOptions(DurabilityMode durability) =>
        new WriteOptions().SetSync(durability == DurabilityMode.Fsync);
}
