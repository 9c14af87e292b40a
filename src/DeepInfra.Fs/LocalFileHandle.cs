// SPDX-License-Identifier: MIT
using Microsoft.Win32.SafeHandles;

namespace DeepInfra.Fs;

/// <summary>An open file of a <see cref="LocalFileSystem"/>.</summary>
/// <param name="path">Its path, for messages.</param>
/// <param name="file">The open file.</param>
/// <param name="canWrite">Whether it was opened for writing.</param>
/// <param name="flushName">Makes the name of a new file durable; null for one that had it before.</param>
internal sealed class LocalFileHandle(
    string path,
    SafeFileHandle file,
    bool canWrite,
    Action? flushName
) : FileHandle(path, canWrite, LocalFileSystem.Backend)
{
    private Action? _flushName = flushName;

    public override long Length => RandomAccess.GetLength(file);

    private protected override ValueTask<long> GetLengthCoreAsync(
        CancellationToken cancellationToken
    ) => new(RandomAccess.GetLength(file));

    private protected override async ValueTask<int> ReadCoreAsync(
        Memory<byte> buffer,
        long offset,
        CancellationToken cancellationToken
    )
    {
        var total = 0;
        while (total < buffer.Length)
        {
            var count = await RandomAccess
                .ReadAsync(file, buffer[total..], offset + total, cancellationToken)
                .ConfigureAwait(false);
            if (count == 0)
            {
                break;
            }

            total += count;
        }

        return total;
    }

    private protected override ValueTask WriteCoreAsync(
        ReadOnlyMemory<byte> buffer,
        long offset,
        CancellationToken cancellationToken
    ) => RandomAccess.WriteAsync(file, buffer, offset, cancellationToken);

    private protected override ValueTask SetLengthCoreAsync(
        long length,
        CancellationToken cancellationToken
    )
    {
        RandomAccess.SetLength(file, length);
        return ValueTask.CompletedTask;
    }

    private protected override async ValueTask FlushCoreAsync(
        CancellationToken cancellationToken
    ) =>
        await Task.Run(
                () =>
                {
                    RandomAccess.FlushToDisk(file);
                    _flushName?.Invoke();
                    _flushName = null;
                },
                cancellationToken
            )
            .ConfigureAwait(false);

    private protected override ValueTask CloseCoreAsync()
    {
        file.Dispose();
        return ValueTask.CompletedTask;
    }
}
