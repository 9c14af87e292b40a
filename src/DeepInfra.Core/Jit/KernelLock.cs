// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace DeepInfra.Core.Jit;

/// <summary>
/// A lock among processes: a file that is open for one of them at a time. It ends with the process, however that dies. The
/// file itself stays: deleting it would let two processes lock different files of one name.
/// </summary>
internal sealed class KernelLock : IDisposable
{
    private static readonly TimeSpan s_firstDelay = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan s_longestDelay = TimeSpan.FromMilliseconds(100);

    private readonly FileStream _file;

    private KernelLock(FileStream file) => _file = file;

    /// <summary>Tries until the timeout; null if another process held the lock all the time.</summary>
    public static KernelLock? TryTake(string path, TimeSpan timeout, JitCounters counters)
    {
        var start = Stopwatch.GetTimestamp();
        var delay = s_firstDelay;
        for (var first = true; ; first = false)
        {
            try
            {
                return new KernelLock(
                    new FileStream(
                        path,
                        FileMode.OpenOrCreate,
                        FileAccess.ReadWrite,
                        FileShare.None
                    )
                );
            }
            catch (IOException e) when (IsHeldElsewhere(e))
            {
                if (Stopwatch.GetElapsedTime(start) >= timeout)
                    return null;
            }
            if (first)
                counters.LockWait();
            Thread.Sleep(delay);
            delay = TimeSpan.FromTicks(Math.Min(2 * delay.Ticks, s_longestDelay.Ticks));
        }
    }

    // The numbers of EAGAIN on Linux and macOS, and of a sharing violation on Windows.
    private static bool IsHeldElsewhere(IOException e) =>
        e.HResult is 11 or 35 or unchecked((int)0x80070020);

    public void Dispose() => _file.Dispose();
}
