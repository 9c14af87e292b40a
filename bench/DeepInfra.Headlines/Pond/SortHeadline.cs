// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using DeepInfra.Pond;
using DuckDB.NET.Data;

namespace DeepInfra.Headlines.Pond;

/// <summary>
/// Pond's two-phase sort (range partition to disk, then one sort per partition) against DuckDB's own sort of
/// the same Parquet files: the same threads, memory limit, codec and level, row-group size and dictionary limit
/// of the output. The limit is well below the data, so that both go through the disk. Pond chooses the number of
/// partitions by its default rule. GNU sort of the same records as text is reported, with the same threads and
/// memory; it writes its text as it is, so Pond is compared with it without compression of the output.
/// </summary>
internal sealed class SortHeadline : IHeadline
{
    private const long Records = 5_000_000;
    private const long MemoryBytes = 192L << 20;
    private const int Threads = 2;
    private const int Rounds = 3;

    /// <summary>Random text has nearly no repetition, so neither side searches for long.</summary>
    private const int DictionaryValues = 4096;

    private static readonly ParquetWriteOptions s_output = new()
    {
        MaxDictionaryValues = DictionaryValues,
    };

    private static readonly ParquetWriteOptions s_plain = s_output with
    {
        Compression = ParquetCompression.Uncompressed,
    };

    /// <inheritdoc/>
    public string Name => "pond-sort-vs-duckdb";

    /// <inheritdoc/>
    public string Unit => "x";

    /// <inheritdoc/>
    public string Goal => ">= 1";

    /// <inheritdoc/>
    public HeadlineResult Measure(TextWriter log)
    {
        var directory = Directory.CreateTempSubdirectory("pond-headline-").FullName;
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
        using var checker = new DuckDBConnection("Data Source=:memory:");
        checker.Open();
        SortRecords.Execute(checker, $"SET threads={Threads}");
        var records = SortRecords.Create(directory, Records, seed: 20_261, checker);
        var pond = new List<Effort>();
        var duck = new List<Effort>();
        var (pondSpill, duckSpill, partitions) = (0L, 0L, 0);
        using var repeats = new RepeatedTasks();
        for (var round = 0; round < Rounds; round++)
        {
            var output = Path.Combine(directory, "pond");
            (var spill, partitions) = await SortWithPondAsync(records, output, s_output, pond);
            pondSpill = Math.Max(pondSpill, spill);
            if (round == 0)
            {
                var files = Directory.GetFiles(output, "*.parquet").Order(StringComparer.Ordinal);
                records.Check(checker, "Pond", files.ToArray());
            }
            Directory.Delete(output, true);
            var single = Path.Combine(directory, "duck", "all.parquet");
            Directory.CreateDirectory(Path.GetDirectoryName(single)!);
            duckSpill = Math.Max(duckSpill, SortWithDuck(records, directory, single, duck));
            if (round == 0)
            {
                records.Check(checker, "DuckDB", [single]);
            }
            File.Delete(single);
        }

        var plain = new List<Effort>();
        var gnu = new List<double>();
        for (var round = 0; round < Rounds; round++)
        {
            var output = Path.Combine(directory, "plain");
            await SortWithPondAsync(records, output, s_plain, plain);
            Directory.Delete(output, true);
            if (SortWithGnu(records, directory) is { } seconds)
            {
                gnu.Add(seconds);
            }
        }
        if (pondSpill < Records || duckSpill < Records)
        {
            throw new InvalidOperationException(
                $"A sort stayed in memory: Pond wrote {pondSpill} and DuckDB {duckSpill} temporary bytes."
            );
        }
        if (repeats.Count > 0)
        {
            throw new InvalidOperationException(
                $"{repeats.Count} tasks were repeated: the partitions do not fit the memory of a task."
            );
        }
        log.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Records / 1e6:0.#} M records of {SortRecords.RecordBytes} bytes, {Threads} threads, {MemoryBytes >> 20} MiB of memory, Parquet in and out"
            )
        );
        Report(log, $"Pond, {partitions} partitions (its own choice)", pond, pondSpill);
        Report(log, "DuckDB COPY (SELECT ... ORDER BY ...)", duck, duckSpill);
        if (gnu.Count == plain.Count)
        {
            log.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"GNU sort, text in and out: {Median(gnu):0.00} s; Pond without compression {Median(plain.Select(p => p.Seconds)):0.00} s, {Median(gnu.Zip(plain, (g, p) => g / p.Seconds)):0.00} times as fast; with it {Median(gnu.Zip(pond, (g, p) => g / p.Seconds)):0.00} times"
                )
            );
        }
        // Neighbouring runs share the state of the machine, so they are compared with each other.
        return Median(duck.Zip(pond, (d, p) => d.Seconds / p.Seconds));
    }

    private static async Task<(long Spill, int Partitions)> SortWithPondAsync(
        SortRecords records,
        string output,
        ParquetWriteOptions format,
        List<Effort> efforts
    )
    {
        var options = new PondOptions
        {
            DataRoot = output + "-data",
            Cores = Threads,
            MemoryBudget = MemoryBytes,
            RandomSeed = 1,
            Durability = Durability.None,
            Parquet = format,
        };
        var started = Effort.Start();
        var session = await PondSession.CreateAsync(options);
        await using (session)
        {
            var sorted = session.ReadParquet(records.ParquetDirectory).OrderBy("key");
            await sorted.WriteParquetAsync(output);
            efforts.Add(started.Stop());
            // The rows between the two phases lie in files of the shuffle.
            var spill = session.GetStages().Where(s => s.Kind == "range").Sum(s => s.BytesOut);
            return (spill, sorted.PartitionCount);
        }
    }

    private static long SortWithDuck(
        SortRecords records,
        string directory,
        string output,
        List<Effort> efforts
    )
    {
        var temporary = Path.Combine(directory, "duck-temp");
        var peak = 0L;
        using (var stop = new CancellationTokenSource())
        {
            var watch = Task.Run(async () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    peak = Math.Max(peak, SizeOf(temporary));
                    await Task.Delay(50).ConfigureAwait(false);
                }
            });
            var started = Effort.Start();
            using (var duck = new DuckDBConnection("Data Source=:memory:"))
            {
                duck.Open();
                SortRecords.Execute(
                    duck,
                    $"SET threads={Threads};SET memory_limit='{MemoryBytes >> 10}KiB';SET temp_directory='{temporary}'"
                );
                SortRecords.Execute(
                    duck,
                    $"COPY (SELECT * FROM read_parquet('{records.ParquetDirectory}/*.parquet') ORDER BY key) TO '{output}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {s_output.CompressionLevel}, ROW_GROUP_SIZE {s_output.RowGroupRows}, DICTIONARY_SIZE_LIMIT {DictionaryValues})"
                );
                efforts.Add(started.Stop());
            }
            stop.Cancel();
            watch.GetAwaiter().GetResult();
        }
        return peak;
    }

    private static double? SortWithGnu(SortRecords records, string directory)
    {
        var output = Path.Combine(directory, "sorted.txt");
        var start = new ProcessStartInfo("sort")
        {
            ArgumentList =
            {
                $"--parallel={Threads}",
                $"--buffer-size={MemoryBytes >> 10}K",
                $"--temporary-directory={directory}",
                $"--key=1.1,1.{SortRecords.KeyBytes}",
                $"--output={output}",
                records.TextFile,
            },
            Environment = { ["LC_ALL"] = "C" },
        };
        try
        {
            var started = Stopwatch.GetTimestamp();
            using var process = Process.Start(start)!;
            process.WaitForExit();
            return process.ExitCode == 0 ? Stopwatch.GetElapsedTime(started).TotalSeconds : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // There is no such program here.
            return null;
        }
    }

    private static long SizeOf(string directory)
    {
        try
        {
            return new DirectoryInfo(directory)
                .EnumerateFiles("*", SearchOption.AllDirectories)
                .Sum(f => f.Length);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    private static void Report(TextWriter log, string what, List<Effort> efforts, long spilled) =>
        log.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{what}: {Median(efforts.Select(e => e.Seconds)):0.00} s (median of {efforts.Count}, {efforts.Min(e => e.Seconds):0.00} to {efforts.Max(e => e.Seconds):0.00}), {Median(efforts.Select(e => e.ProcessorSeconds)):0.00} processor s, {spilled >> 20} MiB through the disk"
            )
        );

    /// <summary>Counts the attempts that Pond repeats.</summary>
    private sealed class RepeatedTasks : IDisposable
    {
        private readonly MeterListener _listener = new();
        private long _count;

        public RepeatedTasks()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "deepinfra.pond.retries")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>(
                (_, value, _, _) => Interlocked.Add(ref _count, value)
            );
            _listener.Start();
        }

        public long Count => Interlocked.Read(ref _count);

        public void Dispose() => _listener.Dispose();
    }

    /// <summary>Wall and processor time of this process.</summary>
    private readonly record struct Effort(double Seconds, double ProcessorSeconds)
    {
        public static Effort Start() =>
            new(
                Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency,
                Environment.CpuUsage.TotalTime.TotalSeconds
            );

        public Effort Stop()
        {
            var now = Start();
            return new(now.Seconds - Seconds, now.ProcessorSeconds - ProcessorSeconds);
        }
    }
}
