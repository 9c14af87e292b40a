// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json;

namespace DeepInfra.Pond.Storage;

/// <summary>
/// The directory of one job: <c>store</c> with committed results, <c>temp</c> with everything that may be
/// thrown away, and a lock that only one live process can hold.
/// </summary>
internal sealed class JobDirectory : IDisposable
{
    private const string Marker = ".deepinfra-pond";
    private static readonly TimeSpan s_abandonedAfter = TimeSpan.FromHours(24);
    private readonly FileStream _lock;

    private JobDirectory(
        string path,
        string temp,
        string store,
        string jobId,
        bool isTransient,
        FileStream jobLock
    )
    {
        Path = path;
        Temp = temp;
        Store = store;
        JobId = jobId;
        IsTransient = isTransient;
        _lock = jobLock;
    }

    public string Path { get; }

    public string Temp { get; }

    public string Store { get; }

    public string JobId { get; }

    /// <summary>The identifier was drawn at random: nobody can ask for this job again after success.</summary>
    public bool IsTransient { get; }

    public bool Failed { get; set; }

    /// <summary>Unpublished results of running attempts, on the volume of the store.</summary>
    public string Attempts => System.IO.Path.Combine(Store, ".attempts-" + JobId);

    public string Quarantine => System.IO.Path.Combine(Path, "quarantine");

    public static JobDirectory Open(PondOptions options)
    {
        var root = Root(options);
        var jobId = options.JobId ?? "job-" + Guid.NewGuid().ToString("N");
        var path = System.IO.Path.Combine(root, jobId);
        FileStream? jobLock = null;
        try
        {
            Directory.CreateDirectory(path);
            jobLock = Lock(path, jobId);
            var owner = JsonSerializer.SerializeToUtf8Bytes(
                DirectoryTools.CurrentOwner(options.JobId is null ? "" : jobId),
                PondJson.Default.OwnerRecord
            );
            // Writing proves that the data root can be written.
            File.WriteAllBytes(System.IO.Path.Combine(path, Marker), owner);
            var spill = Spill(options);
            var temp = spill is null
                ? System.IO.Path.Combine(path, "temp")
                : System.IO.Path.Combine(System.IO.Path.GetFullPath(spill), "pond-" + jobId);
            DirectoryTools.TryDelete(temp);
            Directory.CreateDirectory(temp);
            var store =
                options.CacheScope == CacheScope.Root
                    ? System.IO.Path.Combine(root, "store")
                    : System.IO.Path.Combine(path, "store");
            Directory.CreateDirectory(store);
            DirectoryTools.TryDelete(System.IO.Path.Combine(store, ".attempts-" + jobId));
            SweepAbandoned(root, path);
            return new JobDirectory(path, temp, store, jobId, options.JobId is null, jobLock);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            jobLock?.Dispose();
            throw new PondConfigurationException(
                $"The data root {root} cannot be used: {e.Message}",
                e
            );
        }
        catch
        {
            jobLock?.Dispose();
            throw;
        }
    }

    /// <summary>The seed of the job: drawn once, so that a resumed run makes the same choices.</summary>
    public long ReadOrCreateSeed()
    {
        var path = System.IO.Path.Combine(Path, "seed");
        if (
            File.Exists(path)
            && long.TryParse(File.ReadAllText(path), CultureInfo.InvariantCulture, out var seed)
        )
        {
            return seed;
        }

        seed = Random.Shared.NextInt64(int.MaxValue);
        File.WriteAllText(path, seed.ToString(CultureInfo.InvariantCulture));
        return seed;
    }

    public void Dispose()
    {
        DirectoryTools.TryDelete(Temp);
        DirectoryTools.TryDelete(Attempts);
        _lock.Dispose();
        if (IsTransient && !Failed)
        {
            DirectoryTools.TryDelete(Path);
        }
    }

    private static string Root(PondOptions options)
    {
        var root =
            options.DataRoot ?? Environment.GetEnvironmentVariable("DEEPINFRA_POND_DATA_ROOT");
        if (string.IsNullOrEmpty(root))
        {
            root = System.IO.Path.Combine(
                Environment.GetFolderPath(
                    Environment.SpecialFolder.LocalApplicationData,
                    Environment.SpecialFolderOption.Create
                ),
                "deepinfra",
                "pond"
            );
        }

        return System.IO.Path.GetFullPath(root);
    }

    private static string? Spill(PondOptions options) =>
        options.SpillDirectory
        ?? (
            Environment.GetEnvironmentVariable("DEEPINFRA_POND_SPILL_DIR") is { Length: > 0 } value
                ? value
                : null
        );

    private static FileStream Lock(string path, string jobId)
    {
        try
        {
            // The operating system drops the lock when the process dies, however it dies.
            return new FileStream(
                System.IO.Path.Combine(path, "lock"),
                FileMode.OpenOrCreate,
                FileAccess.ReadWrite,
                FileShare.None
            );
        }
        catch (IOException e)
        {
            throw new PondLeaseException($"Job {jobId} is in use by another session: {path}", e);
        }
    }

    /// <summary>Removes jobs with random identifiers whose process died more than a day ago.</summary>
    private static void SweepAbandoned(string root, string own)
    {
        foreach (var directory in Directory.EnumerateDirectories(root, "job-*"))
        {
            var marker = new FileInfo(System.IO.Path.Combine(directory, Marker));
            if (
                directory == own
                || !marker.Exists
                || DateTime.UtcNow - marker.LastWriteTimeUtc < s_abandonedAfter
            )
            {
                continue;
            }

            try
            {
                if (
                    DirectoryTools.ReadOwner(File.ReadAllBytes(marker.FullName))
                        is { Job: "" } owner
                    && DirectoryTools.OwnerIsDead(owner)
                )
                {
                    DirectoryTools.TryDelete(directory);
                }
            }
            catch (IOException)
            {
                // Another session is removing it.
            }
        }
    }
}
