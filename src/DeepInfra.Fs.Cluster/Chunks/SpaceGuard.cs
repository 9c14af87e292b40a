// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Chunks;

/// <summary>
/// Keeps a storage node from filling its disk. A part of the disk stays reserved so that the index can
/// always record removals and the database never meets a full disk in the middle of its own work; an
/// optional quota limits the node further (and lets tests run out of space on purpose).
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class SpaceGuard(string directory, long? capacityBytes, long reservedBytes)
{
    private const long CheckEveryBytes = 16L << 20;

    private readonly Lock _lock = new();
    private long _used;
    private long _allocatedSinceCheck = CheckEveryBytes;
    private long _available;
    private long _checkedAt;
    private long _lowCheckedAt;
    private bool _isLow;

    /// <summary>Bytes of all blocks in use on this node.</summary>
    public long UsedBytes => Interlocked.Read(ref _used);

    /// <summary>Quota or size of the disk, free and available bytes.</summary>
    public (long Capacity, long Free, long Available) Measure()
    {
        var drive = new DriveInfo(directory);
        var available = Math.Max(0, drive.AvailableFreeSpace - reservedBytes);
        if (capacityBytes is not { } capacity)
        {
            return (drive.TotalSize, drive.TotalFreeSpace, available);
        }
        var free = Math.Max(0, capacity - UsedBytes);
        return (capacity, free, Math.Min(free, available));
    }

    /// <summary>Whether new chunks are refused because not even the smallest block is left. At most a second old.</summary>
    public bool IsLow()
    {
        lock (_lock)
        {
            if (_lowCheckedAt == 0 || Environment.TickCount64 - _lowCheckedAt > 1000)
            {
                _isLow = Measure().Available < 1L << BlockAddress.MinSizeLog2;
                _lowCheckedAt = Math.Max(1, Environment.TickCount64);
            }
            return _isLow;
        }
    }

    /// <summary>Counts bytes that existed when the node was opened.</summary>
    public void Restore(long bytes) => Interlocked.Add(ref _used, bytes);

    /// <summary>Counts bytes about to be written.</summary>
    /// <exception cref="ChunkStoreException">The quota or the disk has no room for them.</exception>
    public void Reserve(long bytes)
    {
        lock (_lock)
        {
            if (capacityBytes is { } capacity && _used + bytes > capacity)
            {
                throw Full($"quota of {capacity} bytes, {_used} in use, {bytes} wanted");
            }
            _allocatedSinceCheck += bytes;
            if (
                _allocatedSinceCheck >= CheckEveryBytes
                || _available - _allocatedSinceCheck < reservedBytes + CheckEveryBytes
                || Environment.TickCount64 - _checkedAt > 1000
            )
            {
                _available = new DriveInfo(directory).AvailableFreeSpace;
                _checkedAt = Environment.TickCount64;
                _allocatedSinceCheck = bytes;
            }
            if (_available - _allocatedSinceCheck < reservedBytes)
            {
                _allocatedSinceCheck -= bytes;
                throw Full(
                    $"{_available} bytes available on the disk, {reservedBytes} of them reserved, {bytes} wanted"
                );
            }
            _used += bytes;
        }
    }

    /// <summary>Uncounts bytes of a freed block.</summary>
    public void Release(long bytes) => Interlocked.Add(ref _used, -bytes);

    private ChunkStoreException Full(string detail) =>
        new(StatusCode.StorageClientNoSpace, $"no space in '{directory}': {detail}");
}
