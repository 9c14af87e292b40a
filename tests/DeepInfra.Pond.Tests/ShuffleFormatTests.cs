// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Execution;
using DuckDB.NET.Data;

namespace DeepInfra.Pond.Tests;

public sealed class ShuffleFormatTests
{
    private const long MiB = 1L << 20;

    private static readonly ParquetWriteOptions s_wanted = new()
    {
        Compression = ParquetCompression.Lz4,
        MaxDictionaryValues = 4096,
    };

    [Theory]
    [InlineData(22, 96, 104, 10_240)]
    [InlineData(1, 96, 104, 122_880)]
    [InlineData(2, 96, 104, 120_832)]
    [InlineData(4096, 96, 104, 2048)]
    [InlineData(8, 1, 1_000_000, 2048)]
    [InlineData(8, 16_384, 0, 122_880)]
    public void Choose_AnyShape_FillsAtMostAQuarterOfTheMemory(
        int count,
        long memoryMiB,
        long rowBytes,
        int expected
    ) =>
        ShuffleFormat
            .Choose(s_wanted, count, memoryMiB * MiB, rowBytes, dense: false)
            .RowGroupRows.Should()
            .Be(expected);

    [Fact]
    public void Choose_DenseRows_StoresThemAsTheyAre()
    {
        var format = ShuffleFormat.Choose(s_wanted, 4, 96 * MiB, 100, dense: true);

        format.Compression.Should().Be(ParquetCompression.Uncompressed);
        format.MaxDictionaryValues.Should().Be(0);
    }

    [Theory]
    [InlineData(1, 409)]
    [InlineData(20, 2457)]
    [InlineData(96, 4096)]
    public void Choose_OtherRows_KeepsTheCodecAndLimitsDictionaries(int memoryMiB, int expected)
    {
        var format = ShuffleFormat.Choose(s_wanted, 4, memoryMiB * MiB, 100, dense: false);

        format.Compression.Should().Be(ParquetCompression.Lz4);
        format.MaxDictionaryValues.Should().Be(expected);
    }

    [Theory]
    [InlineData("encode(sha256(i::VARCHAR) || repeat('a', 60))", "LZ4_RAW")]
    [InlineData("unhex(sha256(i::VARCHAR) || sha256((-i)::VARCHAR))", "UNCOMPRESSED")]
    public async Task OrderBy_ParquetInput_CompressesTheShuffleWhereTheInputCompresses(
        string value,
        string codec
    )
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync(o => o with { KeepIntermediates = true });
        var written = new ParquetWriteOptions { MaxDictionaryValues = 0 };
        await pond.SqlPerPartition($"select {value} as v from range(20000) t(i)")
            .WriteParquetAsync(area["in"], options: written);

        var sorted = pond.ReadParquet(area["in"]).OrderBy(4, "v");
        await sorted.WriteParquetAsync(area["out"]);

        Codecs(area.DataRoot).Should().Equal(codec);
        Values(area["out"], "").Should().Equal(Values(area["in"], " order by v"));
    }

    private static string[] Codecs(string dataRoot)
    {
        var files = Directory
            .GetFiles(dataRoot, "*.parquet", SearchOption.AllDirectories)
            .Where(f => f.Contains("__pond_partition__", StringComparison.Ordinal));
        var list = string.Join(", ", files.Select(f => $"'{f}'"));
        return Strings($"select distinct compression from parquet_metadata([{list}])");
    }

    private static string[] Values(string directory, string order) =>
        Strings($"select md5(v)::varchar from read_parquet('{directory}/*.parquet'){order}");

    private static string[] Strings(string sql)
    {
        using var duck = new DuckDBConnection("Data Source=:memory:");
        duck.Open();
        using var command = duck.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var values = new List<string>();
        while (reader.Read())
        {
            values.Add(reader.GetString(0));
        }

        return [.. values];
    }
}
