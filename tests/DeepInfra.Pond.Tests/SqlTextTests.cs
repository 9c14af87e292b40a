// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Tests;

public sealed class SqlTextTests
{
    [Theory]
    [InlineData("select 1", "select 1")]
    [InlineData("  select 1 ; ", "select 1")]
    [InlineData("select 1; -- done", "select 1")]
    [InlineData("select 1 -- done;\n;;\n-- again", "select 1")]
    [InlineData("select 1; /* a; /* b */ -- */ ", "select 1")]
    [InlineData("-- first\nselect 1 -- last", "-- first\nselect 1")]
    [InlineData("select '; -- x'", "select '; -- x'")]
    [InlineData("select ';' as \"-- x;\"; --", "select ';' as \"-- x;\"")]
    [InlineData("select 'it''s; --'; -- x", "select 'it''s; --'")]
    [InlineData("select E'it\\'s; --'; -- x", "select E'it\\'s; --'")]
    [InlineData("select $$a; -- b$$; -- x", "select $$a; -- b$$")]
    [InlineData("select $q$a; $$ -- b$q$; -- x", "select $q$a; $$ -- b$q$")]
    [InlineData("select 4 - -2; --", "select 4 - -2")]
    [InlineData("select 4 / 2 /* half */", "select 4 / 2")]
    public void TrimStatement_EndOfStatement_IsCutOff(string sql, string expected) =>
        SqlText.TrimStatement(sql).Should().Be(expected);

    [Theory]
    [InlineData("select item + 1 as item from {0}; -- the next one")]
    [InlineData("select item + 1 as item from {0} /* ; */ ; /* a /* b */ c */")]
    [InlineData("select item + 1 as item -- ; from here\nfrom {0};;\n\n--")]
    public async Task SqlPerPartition_SemicolonBeforeComment_Runs(string sql)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var items = pond.FromItems([1, 2, 3]);

        var once = await items.SqlPerPartition(sql).ToListAsync<int>();
        var twice = await items.SqlPerPartition(sql).SqlPerPartition(sql).ToListAsync<int>();
        var single = await pond.SqlSinglePartition(sql, items.RepartitionByRows(2))
            .ToListAsync<int>();

        once.Should().Equal(2, 3, 4);
        twice.Should().Equal(3, 4, 5);
        single.Order().Should().Equal(2, 3, 4);
    }
}
