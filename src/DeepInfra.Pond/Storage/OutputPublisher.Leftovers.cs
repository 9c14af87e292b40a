// SPDX-License-Identifier: MIT
using DeepInfra.Fs;

namespace DeepInfra.Pond.Storage;

internal sealed partial class OutputPublisher
{
    /// <summary>Removes what earlier runs of this job, or of jobs whose process has died, left beside the target.</summary>
    private async Task RemoveLeftoversAsync(CancellationToken cancellation)
    {
        var parent = target.Parent;
        if (!await Files.ExistsAsync(parent.Path, cancellation).ConfigureAwait(false))
        {
            await Files.CreateDirectoryAsync(parent.Path, cancellation).ConfigureAwait(false);
            return;
        }

        await RemoveSiblingsAsync(
                async (id, path) =>
                {
                    if (id == job.Directory.JobId)
                    {
                        return true;
                    }

                    var bytes = await OutputFiles
                        .TryReadBytesAsync(
                            target.At(FileSystemPath.Combine(path, OwnerName)),
                            cancellation
                        )
                        .ConfigureAwait(false);
                    return bytes is not null
                        && DirectoryTools.ReadOwner(bytes) is { } owner
                        && DirectoryTools.OwnerIsDead(owner);
                },
                cancellation
            )
            .ConfigureAwait(false);
    }

    private bool IsOwn(string id) =>
        id == job.Directory.JobId || id == OldMark + job.Directory.JobId;

    private async Task RemoveSiblingsAsync(
        Func<string, string, ValueTask<bool>> isStale,
        CancellationToken cancellation
    )
    {
        var siblings = new List<string>();
        await foreach (
            var entry in Files
                .ListAsync(target.Parent.Path, false, cancellation)
                .ConfigureAwait(false)
        )
        {
            if (entry.IsDirectory && entry.Name.StartsWith(Prefix, StringComparison.Ordinal))
            {
                siblings.Add(entry.Path);
            }
        }

        foreach (var path in siblings)
        {
            var id = FileSystemPath.GetName(path)[Prefix.Length..];
            if (await isStale(id, path).ConfigureAwait(false))
            {
                await Files.DeleteAsync(path, true, cancellation).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Better the old output than none, when the new one could not take its place.</summary>
    private async Task PutBackAsync(PondPath aside)
    {
        try
        {
            if (!await Files.ExistsAsync(target.Path, CancellationToken.None).ConfigureAwait(false))
            {
                await Files
                    .RenameAsync(aside.Path, target.Path, CancellationToken.None)
                    .ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It stays beside the target; the error that the caller throws says more.
        }
    }
}
