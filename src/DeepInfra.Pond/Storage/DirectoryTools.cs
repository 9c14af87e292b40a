// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.Json;

namespace DeepInfra.Pond.Storage;

/// <summary>Directory operations that tolerate what cleaning up meets.</summary>
internal static class DirectoryTools
{
    public static void TryDelete(string path)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                if (Directory.Exists(path))
                {
                    Directory.Delete(path, recursive: true);
                }

                return;
            }
            catch (DirectoryNotFoundException)
            {
                return;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // A thread that is being stopped may still create a file in it.
                if (attempt == 4)
                {
                    return;
                }

                Thread.Sleep(20 << attempt);
            }
        }
    }

    public static OwnerRecord CurrentOwner(string job)
    {
        using var process = Process.GetCurrentProcess();
        return new OwnerRecord
        {
            Host = Environment.MachineName,
            ProcessId = Environment.ProcessId,
            StartTicks = process.StartTime.ToUniversalTime().Ticks,
            Job = job,
        };
    }

    /// <summary>Whether the process that owns a directory is known to have ended.</summary>
    public static bool OwnerIsDead(OwnerRecord owner)
    {
        if (!string.Equals(owner.Host, Environment.MachineName, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        try
        {
            using var process = Process.GetProcessById(owner.ProcessId);
            // The start time is derived from clock ticks and differs slightly between readers.
            return Math.Abs(process.StartTime.ToUniversalTime().Ticks - owner.StartTicks)
                > TimeSpan.TicksPerSecond * 2;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            return true;
        }
    }

    public static OwnerRecord? ReadOwner(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, PondJson.Default.OwnerRecord);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
