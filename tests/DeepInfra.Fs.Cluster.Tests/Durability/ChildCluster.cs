// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;

namespace DeepInfra.Fs.Cluster.Tests.Durability;

/// <summary>
/// A cluster in a child process, which can be killed. The child is this test program started with an
/// environment variable, which turns it into a server before any test code runs.
/// </summary>
internal sealed class ChildCluster : IDisposable
{
    private const string Variable = "DEEPINFRA_FS_CLUSTER_CHILD";

    private readonly Process _process;

    private ChildCluster(Process process, IPEndPoint manager)
    {
        _process = process;
        Manager = manager;
    }

    public IPEndPoint Manager { get; }

    /// <param name="directory">Data of the cluster.</param>
    /// <param name="durability">Its mode.</param>
    /// <param name="managerPort">Port of the manager; 0 lets the cluster choose.</param>
    public static async Task<ChildCluster> StartAsync(
        string directory,
        DurabilityMode durability,
        int managerPort = 0
    )
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
        };
        start.Environment[Variable] = $"{durability}:{managerPort}:{directory}";
        var process = Process.Start(start)!;
        var line = await process.StandardOutput.ReadLineAsync();
        if (line is null || !IPEndPoint.TryParse(line, out var manager))
        {
            await process.WaitForExitAsync();
            throw new InvalidOperationException($"the child cluster did not start: '{line}'");
        }
        return new ChildCluster(process, manager);
    }

    /// <summary>SIGKILL: no handler, no flush, no farewell.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Kill();
        }
        _process.Dispose();
    }

    [ModuleInitializer]
    internal static void RunWhenChild()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { } setting)
        {
            return;
        }
        var parts = setting.Split(':', 3);
        var durability = Enum.Parse<DurabilityMode>(parts[0]);
        var port = int.Parse(parts[1], CultureInfo.InvariantCulture);
        Environment.Exit(Serve(parts[2], durability, port));
    }

    /// <summary>
    /// Blocks on purpose: other threads cannot run code of this assembly before its initializer has
    /// returned, so no continuation may lie here.
    /// </summary>
    private static int Serve(string directory, DurabilityMode durability, int managerPort)
    {
        var options = TestCluster.Options(directory) with
        {
            Durability = durability,
            ManagerPort = managerPort,
        };
        var cluster = ThreeFsCluster.StartAsync(options).GetAwaiter().GetResult();
        Console.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"{cluster.ManagerEndpoints[0]}")
        );
        // The end of the input is the end of the parent: a child never outlives the tests.
        while (Console.In.ReadLine() is not null) { }
        cluster.DisposeAsync().AsTask().GetAwaiter().GetResult();
        return 0;
    }
}
