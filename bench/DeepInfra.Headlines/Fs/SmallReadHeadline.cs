// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;

namespace DeepInfra.Headlines.Fs;

/// <summary>
/// Random 4 KiB reads in batches of 128 from the page cache, checksums verified on both sides, per second
/// of processor time that client and storage node use together.
/// </summary>
internal sealed class SmallReadHeadline : IHeadline
{
    private const int Reads = 1_000_000;

    /// <inheritdoc/>
    public string Name => "fs-4k-reads-per-cpu-second";

    /// <inheritdoc/>
    public string Unit => "k/s";

    /// <inheritdoc/>
    public string Goal => ">= 100";

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
        await using var file = await FsReadFile.CreateAsync(server, 256L << 20);
        await file.ReadSmallAsync(Reads / 2);
        using var self = Process.GetCurrentProcess();
        var results = new List<double>();
        for (var round = 0; round < 3; round++)
        {
            self.Refresh();
            var client = self.TotalProcessorTime;
            var node = server.ProcessorTime;
            var time = Stopwatch.StartNew();
            await file.ReadSmallAsync(Reads);
            var elapsed = time.Elapsed.TotalSeconds;
            self.Refresh();
            client = self.TotalProcessorTime - client;
            node = server.ProcessorTime - node;
            results.Add(Reads / (client + node).TotalSeconds / 1000);
            log.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Reads / elapsed / 1000:0} k reads/s; processor time per read: client {client.TotalMicroseconds / Reads:0.00} us, storage node {node.TotalMicroseconds / Reads:0.00} us"
                )
            );
        }
        return results.Order().ElementAt(1);
    }
}
