// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Faults;
using DeepInfra.Fs.Cluster.Interop;

namespace DeepInfra.Fs.Cluster.Chunks;

/// <summary>
/// The data files of one target: for each block size a fixed number of files, over which the blocks are
/// dealt in turn, so that writers of different chunks rarely wait for one file's lock.
/// </summary>
/// <remarks>Thread-safe. Files are created when the first block in them is written.</remarks>
internal sealed class DataFiles : IDisposable
{
    private const int NoSpace = 28;
    private const int QuotaExceeded = 122;

    private readonly string _directory;
    private readonly int _count;
    private readonly DurabilityMode _durability;
    private readonly DiskFault _fault;
    private readonly Lock _lock = new();
    private readonly DataFile?[] _files;
    private bool _unflushedNames;
    private bool _disposed;

    public DataFiles(
        string directory,
        int count,
        DurabilityMode durability,
        DiskFault? fault = null
    )
    {
        _fault = fault ?? new DiskFault();
        _directory = directory;
        _count = count;
        _durability = durability;
        _files = new DataFile?[(BlockAddress.MaxSizeLog2 - BlockAddress.MinSizeLog2 + 1) * count];
        DurableDirectory.Create(directory);
        if (durability == DurabilityMode.Fsync)
        {
            // A process that died right after it made a file may not have come to flush the directory.
            DurableDirectory.Flush(directory);
        }
    }

    /// <summary>Path of the file that holds a block, and the block's place in it.</summary>
    public (string Path, long Offset) Locate(BlockAddress block) =>
        (PathOf(block.SizeLog2, (int)(block.Index % _count)), OffsetOf(block));

    /// <summary>Reads exactly the span if the page cache holds all of it.</summary>
    /// <returns>False when the disk would have to be waited for.</returns>
    public bool TryReadCached(BlockAddress block, int offset, Span<byte> destination)
    {
        if (_fault.FailReads)
        {
            // Cached pages hide a broken disk; the fault is that of a disk whose pages are not cached.
            return false;
        }
        var file = Open(block);
        var position = OffsetOf(block) + offset;
        while (destination.Length > 0)
        {
            var read = LibC.ReadCached(file.Handle, destination, position);
            if (read <= 0)
            {
                return false;
            }
            destination = destination[read..];
            position += read;
        }
        return true;
    }

    /// <summary>Reads the span; behind the end of the file there are zeros.</summary>
    /// <exception cref="ChunkStoreException">The file cannot be read.</exception>
    public void Read(BlockAddress block, int offset, Span<byte> destination)
    {
        var file = Open(block);
        var position = OffsetOf(block) + offset;
        try
        {
            _fault.OnRead();
            while (destination.Length > 0)
            {
                var read = RandomAccess.Read(file.Handle, destination, position);
                if (read == 0)
                {
                    // The file lost its end: what is missing reads as zeros, like a hole, and the
                    // checksums tell whether zeros are what was there.
                    destination.Clear();
                    return;
                }
                destination = destination[read..];
                position += read;
            }
        }
        catch (IOException e)
        {
            throw new ChunkStoreException(
                StatusCode.StorageChunkReadFailed,
                $"cannot read '{Locate(block).Path}' at {position}: {e.Message}",
                e
            );
        }
    }

    /// <summary>Writes the span.</summary>
    /// <exception cref="ChunkStoreException">The disk is full (7021) or the file cannot be written (4011).</exception>
    public void Write(BlockAddress block, int offset, ReadOnlySpan<byte> source)
    {
        var file = Open(block);
        try
        {
            _fault.OnWrite();
            RandomAccess.Write(file.Handle, source, OffsetOf(block) + offset);
        }
        catch (IOException e)
        {
            throw WriteFailed(Locate(block).Path, e);
        }
    }

    /// <summary>The file of a block.</summary>
    /// <exception cref="ChunkStoreException">It cannot be opened.</exception>
    public DataFile Open(BlockAddress block)
    {
        var slot =
            ((block.SizeLog2 - BlockAddress.MinSizeLog2) * _count) + (int)(block.Index % _count);
        return Volatile.Read(ref _files[slot]) ?? OpenFile(slot, block);
    }

    /// <summary>Gives the disk space of a free block back where that is possible; a block that keeps it does no harm.</summary>
    public void PunchHole(BlockAddress block)
    {
        try
        {
            LibC.PunchHole(Open(block).Handle, OffsetOf(block), block.Size);
        }
        catch (Exception e) when (e is ChunkStoreException or ObjectDisposedException)
        {
            // Not to be opened, or the node stops: the update that freed the block has succeeded all the same.
        }
    }

    /// <summary>Drops the files from the page cache, so that the next reads come from the disk.</summary>
    public void DropCaches()
    {
        lock (_lock)
        {
            foreach (var file in _files)
            {
                if (file is not null)
                {
                    file.Flush();
                    LibC.DropCache(file.Handle);
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            foreach (var file in _files)
            {
                file?.Close();
            }
        }
    }

    /// <summary>The exception of a failed write.</summary>
    public static ChunkStoreException WriteFailed(string path, Exception e) =>
        e.HResult is NoSpace or QuotaExceeded || e.InnerException?.HResult is NoSpace
            ? new(StatusCode.StorageClientNoSpace, $"no space to write '{path}'", e)
            : new(StatusCode.StorageChunkWriteFailed, $"cannot write '{path}': {e.Message}", e);

    private long OffsetOf(BlockAddress block) => block.Index / _count * block.Size;

    private string PathOf(byte sizeLog2, int file) =>
        Path.Combine(_directory, $"{1L << (sizeLog2 - 10)}k-{file:d3}.dat");

    private DataFile OpenFile(int slot, BlockAddress block)
    {
        lock (_lock)
        {
            if (_files[slot] is { } open)
            {
                return open;
            }
            var path = PathOf(block.SizeLog2, (int)(block.Index % _count));
            ObjectDisposedException.ThrowIf(_disposed, this);
            _unflushedNames |= !File.Exists(path);
            try
            {
#pragma warning disable CA2000 // it belongs to the DataFile
                var handle = File.OpenHandle(
                    path,
                    FileMode.OpenOrCreate,
                    FileAccess.ReadWrite,
                    FileShare.ReadWrite
                );
#pragma warning restore CA2000
                try
                {
                    if (_unflushedNames && _durability == DurabilityMode.Fsync)
                    {
                        DurableDirectory.Flush(_directory);
                        _unflushedNames = false;
                    }
                }
                catch
                {
                    handle.Dispose();
                    throw;
                }
                var file = new DataFile(path, handle, _fault);
                Volatile.Write(ref _files[slot], file);
                return file;
            }
            catch (Exception e)
                when (e is IOException or UnauthorizedAccessException or ClusterStorageException)
            {
                throw new ChunkStoreException(
                    e.HResult == NoSpace
                        ? StatusCode.StorageClientNoSpace
                        : StatusCode.StorageChunkOpenFailed,
                    $"cannot open '{path}': {e.Message}",
                    e
                );
            }
        }
    }
}
