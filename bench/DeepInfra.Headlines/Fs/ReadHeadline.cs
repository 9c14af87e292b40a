// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;

namespace DeepInfra.Headlines.Fs;

/// <summary>
/// Reads through the 3FS client (1 MiB, eight in flight, checksums verified on both sides) against the
/// lower of a plain loopback TCP copy and a plain read of the same files. Client and storage node are
/// separate processes; files are dropped from the page cache before each measurement from disk.
/// </summary>
internal sealed class ReadHeadline : IHeadline
{
    private const long FileBytes = 512L << 20;
    private const int Rounds = 5;

    /// <inheritdoc/>
    public string Name => "fs-read-vs-loopback";

    /// <inheritdoc/>
    public string Unit => "x";

    /// <inheritdoc/>
    public string Goal => ">= 0.8";

    /// <inheritdoc/>
    public HeadlineResult Measure(TextWriter log)
    {
        var directory = Directory.CreateTempSubdirectory("fs-headline-").FullName;
        try
        {
            return new HeadlineResult(MeasureAsync(directory, log).GetAwaiter().GetResult());
        }
        finally
        {
            Directory.Delete(directory, true);
        }
    }

    private static async Task<double> MeasureAsync(string directory, TextWriter log)
    {
        using var server = FsReadServer.Start(Path.Combine(directory, "data"));
        await using var file = await FsReadFile.CreateAsync(server, FileBytes);
        var files = server.DataFiles.ToList();
        // Warms both processes and checks every byte once.
        await file.ReadAllAsync(compare: true);
        for (var i = 0; i < 3; i++)
        {
            await file.ReadAllAsync(compare: false);
        }
        var loopback = new List<double>();
        var disk = new List<double>();
        var cold = new List<double>();
        var warm = new List<double>();
        using var self = Process.GetCurrentProcess();
        var (client, node) = (TimeSpan.Zero, TimeSpan.Zero);
        for (var round = 0; round < Rounds; round++)
        {
            loopback.Add(ReadCeilings.Loopback(server.SenderPort, 2 * FileBytes));
            server.DropCaches();
            disk.Add(ReadCeilings.Files(files));
            server.DropCaches();
            cold.Add(await file.ReadAllAsync(compare: false));
            self.Refresh();
            client -= self.TotalProcessorTime;
            node -= server.ProcessorTime;
            warm.Add(await file.ReadAllAsync(compare: false));
            self.Refresh();
            client += self.TotalProcessorTime;
            node += server.ProcessorTime;
        }
        Report(log, "plain TCP copy over loopback", loopback);
        Report(log, "plain read of the files from disk", disk);
        Report(log, "3FS reads from disk", cold);
        Report(log, "3FS reads from the page cache", warm);
        const long MiBs = Rounds * (FileBytes >> 20);
        log.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"processor time per MiB from the page cache: client {client.TotalMicroseconds / MiBs:0} us, storage node {node.TotalMicroseconds / MiBs:0} us"
            )
        );
        return Median(cold) / Math.Min(Median(loopback), Median(disk));
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static void Report(TextWriter log, string what, List<double> values) =>
        log.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{what}: {Median(values) / 1e9:0.00} GB/s (median of {values.Count}, {values.Min() / 1e9:0.00} to {values.Max() / 1e9:0.00})"
            )
        );
}
