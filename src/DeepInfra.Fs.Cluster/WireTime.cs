// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster;

/// <summary>Times of the protocol: microseconds since the Unix epoch.</summary>
internal static class WireTime
{
    /// <summary>The present moment.</summary>
    public static long Now() =>
        (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
}
