// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using DeepInfra.Fs.Cluster;
using DeepInfra.Fs.Cluster.Interop;

namespace DeepInfra.Headlines.Fs;

/// <summary>
/// The server side of the file-system figures, in a process of its own: a cluster with one storage node,
/// and a plain TCP sender as the ceiling.
/// </summary>
internal sealed class FsReadServer : IDisposable
{
    private const string ChildArgument = "--fs-read-server";

    private readonly Process _process;
    private readonly string _directory;

    private FsReadServer(Process process, string directory, string manager, int senderPort)
    {
        _process = process;
        _directory = directory;
        Manager = manager;
        SenderPort = senderPort;
    }

    /// <summary>Address of the manager.</summary>
    public string Manager { get; }

    /// <summary>Port of the plain sender.</summary>
    public int SenderPort { get; }

    /// <summary>Processor time that the server has used.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Files that hold the chunks.</summary>
    public IEnumerable<string> DataFiles =>
        Directory.EnumerateFiles(_directory, "*.dat", SearchOption.AllDirectories);

    /// <summary>Runs the server when the arguments say that this process is one.</summary>
    public static bool TryRunChild(string[] args)
    {
        if (args is not [ChildArgument, var directory])
        {
            return false;
        }
        RunAsync(directory).GetAwaiter().GetResult();
        return true;
    }

    /// <summary>Starts the server process.</summary>
    public static FsReadServer Start(string directory)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        }
        start.ArgumentList.Add(ChildArgument);
        start.ArgumentList.Add(directory);
        var process = Process.Start(start)!;
        var line = process.StandardOutput.ReadLine()?.Split(' ');
        if (line is not [var manager, var port])
        {
            process.Kill();
            throw new InvalidOperationException("the server process did not start");
        }
        return new FsReadServer(
            process,
            directory,
            manager,
            int.Parse(port, CultureInfo.InvariantCulture)
        );
    }

    /// <summary>Writes dirty pages out and drops the data files from the page cache.</summary>
    public void DropCaches()
    {
        foreach (var path in DataFiles)
        {
            using var file = File.OpenHandle(
                path,
                FileMode.Open,
                FileAccess.ReadWrite,
                FileShare.ReadWrite
            );
            RandomAccess.FlushToDisk(file);
            LibC.DropCache(file);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(10_000))
        {
            _process.Kill();
            _process.WaitForExit();
        }
        _process.Dispose();
    }

    private static async Task RunAsync(string directory)
    {
        await using var cluster = await ThreeFsCluster.StartAsync(
            new ThreeFsClusterOptions
            {
                DataDirectory = directory,
                ChunkSize = 1 << 20,
                StripeSize = 4,
                TargetsPerNode = 4,
                Durability = DurabilityMode.None,
            }
        );
        using var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var sender = new Thread(() => SendForEver(listener)) { IsBackground = true };
        sender.Start();
        var port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        Console.WriteLine($"{cluster.ManagerAddresses[0]} {port}");
        // The end of the input is the end of the parent.
        while (await Console.In.ReadLineAsync() is not null) { }
    }

    /// <summary>Each connection names a byte count and receives that many bytes.</summary>
    private static void SendForEver(Socket listener)
    {
        var data = new byte[1 << 20];
        new Random(1).NextBytes(data);
        while (true)
        {
            Socket connection;
            try
            {
                connection = listener.Accept();
            }
            catch (SocketException)
            {
                // The listener was closed: the server ends.
                return;
            }
            using var open = connection;
            var wanted = new byte[8];
            connection.Receive(wanted);
            for (var left = BitConverter.ToInt64(wanted); left > 0; )
            {
                left -= connection.Send(data.AsSpan(0, (int)Math.Min(left, data.Length)));
            }
        }
    }
}
