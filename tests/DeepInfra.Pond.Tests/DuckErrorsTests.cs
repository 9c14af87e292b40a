// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Tests;

/// <summary>
/// Errors of the embedded engine, made for real, end as the exceptions that say what to do about them. A new
/// engine version that words them differently fails here.
/// </summary>
public sealed class DuckErrorsTests
{
    public static TheoryData<string, string, Type> Errors() =>
        new()
        {
            { "Parser", "SELEC 1", typeof(PondSqlException) },
            { "Binder", "SELECT nothing FROM range(1)", typeof(PondSqlException) },
            { "Catalog", "SELECT * FROM no_such_table", typeof(PondSqlException) },
            { "Catalog", "SELECT no_such_function(1)", typeof(PondSqlException) },
            { "Conversion", "SELECT 'x'::INTEGER", typeof(PondDataException) },
            { "Out of Range", "SELECT 9223372036854775807 + 1", typeof(PondDataException) },
            { "Invalid Input", "SELECT error('no good')", typeof(PondDataException) },
            {
                "Constraint",
                "CREATE TABLE t (a INTEGER NOT NULL); INSERT INTO t VALUES (NULL)",
                typeof(PondDataException)
            },
            {
                "IO",
                "SELECT * FROM read_parquet('{root}/missing.parquet')",
                typeof(PondCorruptFileException)
            },
            {
                "IO",
                "COPY (SELECT 1) TO '{root}/no/such/directory/a.parquet'",
                typeof(PondStorageException)
            },
            {
                "Invalid Input",
                "SELECT * FROM read_parquet('{root}/text.parquet')",
                typeof(PondCorruptFileException)
            },
            {
                "Invalid Input",
                "SELECT * FROM read_json('{root}/bad.json', format='newline_delimited', columns={a: 'INTEGER'})",
                typeof(PondCorruptFileException)
            },
            {
                "Out of Memory",
                "SELECT len(list(range)) FROM range(40000000)",
                typeof(PondOutOfMemoryException)
            },
        };

    [Theory]
    [MemberData(nameof(Errors))]
    public async Task Map_RealError_HasTheRightType(string prefix, string sql, Type expected)
    {
        await using var area = new TestArea();
        area.Write("text.parquet", "this is no Parquet file at all");
        area.Write("bad.json", "{\"a\": 1}\n{\"a\": \n");
        using var pool = new DuckPool(area["spill"], null, 1, 1);
        var duck = pool.Rent(1, 32L << 20);
        try
        {
            var act = () => duck.Execute(sql.Replace("{root}", area.Root), CancellationToken.None);

            var error = act.Should().Throw<PondTaskException>().Which;
            error.Should().BeOfType(expected);
            DuckErrors.Prefix(error.Message).Should().Be(prefix);
            if (error is PondSqlException query)
            {
                query.Sql.Should().Be(sql);
            }
        }
        finally
        {
            pool.Discard(duck);
        }
    }

    [Fact]
    public async Task PoisonsInstance_OutOfMemory_IsTrueAndForQueryErrorsFalse()
    {
        await using var area = new TestArea();
        using var pool = new DuckPool(area["spill"], null, 1, 1);
        var duck = pool.Rent(1, 32L << 20);
        Exception Fail(string sql)
        {
            var act = () => duck.Execute(sql, CancellationToken.None);
            return act.Should().Throw<Exception>().Which;
        }

        DuckErrors.PoisonsInstance(Fail("SELECT 'x'::INTEGER")).Should().BeFalse();
        DuckErrors.PoisonsInstance(Fail("SELECT nothing")).Should().BeFalse();
        DuckErrors
            .PoisonsInstance(Fail("SELECT len(list(range)) FROM range(40000000)"))
            .Should()
            .BeTrue();
        DuckErrors.PoisonsInstance(new OperationCanceledException()).Should().BeTrue();
        pool.Discard(duck);
    }
}
