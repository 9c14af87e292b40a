// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Net.Sockets;

namespace DeepInfra.Headlines.Fs;

/// <summary>What reads over a socket from a disk cannot exceed, in bytes per second.</summary>
internal static class ReadCeilings
{
    /// <summary>A plain copy over a loopback TCP connection between the two processes.</summary>
    public static double Loopback(int port, long bytes)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        socket.Connect("127.0.0.1", port);
        var buffer = new byte[1 << 20];
        var time = Stopwatch.StartNew();
        socket.Send(BitConverter.GetBytes(bytes));
        for (var left = bytes; left > 0; )
        {
            var count = socket.Receive(buffer);
            if (count == 0)
            {
                throw new InvalidOperationException("the sender hung up");
            }
            left -= count;
        }
        return bytes / time.Elapsed.TotalSeconds;
    }

    /// <summary>Reading the files themselves: 1 MiB at a time, eight reads in flight.</summary>
    public static double Files(IReadOnlyList<string> paths)
    {
        var handles = paths.Select(p => File.OpenHandle(p)).ToList();
        try
        {
            var pieces = handles
                .SelectMany(h =>
                    Enumerable
                        .Range(0, (int)((RandomAccess.GetLength(h) + (1 << 20) - 1) >> 20))
                        .Select(i => (Handle: h, Offset: (long)i << 20))
                )
                .ToList();
            var next = -1;
            var total = 0L;
            var time = Stopwatch.StartNew();
            var threads = Enumerable
                .Range(0, 8)
                .Select(_ => new Thread(() =>
                {
                    var buffer = new byte[1 << 20];
                    for (int i; (i = Interlocked.Increment(ref next)) < pieces.Count; )
                    {
                        var read = RandomAccess.Read(pieces[i].Handle, buffer, pieces[i].Offset);
                        Interlocked.Add(ref total, read);
                    }
                }))
                .ToList();
            threads.ForEach(t => t.Start());
            threads.ForEach(t => t.Join());
            return total / time.Elapsed.TotalSeconds;
        }
        finally
        {
            handles.ForEach(h => h.Dispose());
        }
    }
}
