// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace DeepInfra.Headlines.Ceilings;

/// <summary>Runs one body on several dedicated threads that start together; one thread runs on the caller.</summary>
internal static class ThreadGang
{
    /// <summary>Seconds from the common start to the last thread's end.</summary>
    public static double Time(int threads, Action<int> body)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        if (threads == 1)
        {
            var single = Stopwatch.GetTimestamp();
            body(0);
            return Stopwatch.GetElapsedTime(single).TotalSeconds;
        }
        using var barrier = new Barrier(threads);
        var gang = new Thread[threads - 1];
        for (var i = 0; i < gang.Length; i++)
        {
            var index = i + 1;
            gang[i] = new Thread(() =>
            {
                barrier.SignalAndWait();
                body(index);
            });
            gang[i].Start();
        }
        barrier.SignalAndWait();
        var start = Stopwatch.GetTimestamp();
        body(0);
        foreach (var thread in gang)
            thread.Join();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
