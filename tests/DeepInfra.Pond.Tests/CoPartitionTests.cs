// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Tests;

/// <summary>Frames whose equal keys can be in different partitions are not joined partition by partition.</summary>
public sealed class CoPartitionTests
{
    [Theory]
    [InlineData("item::BIGINT", "item::DOUBLE")]
    [InlineData("item::INTEGER", "item::DECIMAL(10,2)")]
    [InlineData("item::DECIMAL(10,1)", "item::DECIMAL(10,2)")]
    [InlineData("item::BIGINT", "item::VARCHAR")]
    [InlineData("DATE '2020-01-01' + item", "TIMESTAMP '2020-01-01' + to_days(item)")]
    public async Task SqlPerPartition_HashedKeysOfOtherTypes_AreRefusedNamingThem(
        string left,
        string right
    )
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var a = Keyed(pond, "a", left);
        var b = Keyed(pond, "b", right);

        var act = () => Join(pond, a, b).CountAsync();

        (await act.Should().ThrowAsync<PondPlanException>())
            .Which.Message.Should()
            .Contain("'a'")
            .And.Contain("'b'")
            .And.Contain("RepartitionByHash");
    }

    [Theory]
    [InlineData("item::TINYINT", "item::HUGEINT")]
    [InlineData("item::UINTEGER", "item::BIGINT")]
    [InlineData("item::DECIMAL(9,2)", "item::DECIMAL(18,2)")]
    [InlineData("item::VARCHAR", "item::VARCHAR")]
    [InlineData("item::VARCHAR::ENUM('1', '2', '3')", "item::VARCHAR")]
    [InlineData("item::DOUBLE", "item::DOUBLE")]
    public async Task SqlPerPartition_HashedKeysOfEqualText_Meet(string left, string right)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var joined = Join(pond, Keyed(pond, "a", left), Keyed(pond, "b", right));

        (await joined.CountAsync()).Should().Be(3);
    }

    [Fact]
    public async Task SqlPerPartition_KeysCastAfterTheShuffle_AreCheckedByWhatWasHashed()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var a = Keyed(pond, "a", "item::DOUBLE").Where("a > 0").Select("a::BIGINT as a");
        var b = Keyed(pond, "b", "item::BIGINT");

        await FluentActions
            .Awaiting(() => Join(pond, a, b).CountAsync())
            .Should()
            .ThrowAsync<PondPlanException>();
        // One partition goes to every query, and merged rows have no partitions: nothing can get lost.
        (await Join(pond, a, b.Coalesce(1)).CountAsync())
            .Should()
            .Be(3);
        var single = pond.SqlSinglePartition("select * from {0} join {1} on a = b", a, b);
        (await single.CountAsync()).Should().Be(3);
    }

    private static PondFrame Keyed(PondSession pond, string name, string key) =>
        pond.FromItems([1, 2, 3]).Select($"{key} as {name}").RepartitionByHash(8, name);

    private static PondFrame Join(PondSession pond, PondFrame a, PondFrame b) =>
        pond.SqlPerPartition("select * from {0} join {1} on a = b", a, b);
}
