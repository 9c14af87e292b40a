// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Tests;

/// <summary>Frames whose equal keys can be in different partitions are not joined partition by partition.</summary>
public sealed class CoPartitionTests : IAsyncLifetime
{
    private readonly TestArea _area = new();
    private PondSession _pond = null!;

    public async ValueTask InitializeAsync() => _pond = await _area.OpenAsync();

    public ValueTask DisposeAsync() => _area.DisposeAsync();

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
        var a = Keyed("a", left);
        var b = Keyed("b", right);

        var act = () => Join(a, b).CountAsync();

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
        var joined = Join(Keyed("a", left), Keyed("b", right));

        (await joined.CountAsync()).Should().Be(3);
    }

    [Fact]
    public async Task SqlPerPartition_KeysCastAfterTheShuffle_AreCheckedByWhatWasHashed()
    {
        var a = Keyed("a", "item::DOUBLE").Where("a > 0").Select("a::BIGINT as a");
        var b = Keyed("b", "item::BIGINT");

        await FluentActions
            .Awaiting(() => Join(a, b).CountAsync())
            .Should()
            .ThrowAsync<PondPlanException>();
        // One partition goes to every query, and merged rows have no partitions: nothing can get lost.
        (await Join(a, b.Coalesce(1)).CountAsync())
            .Should()
            .Be(3);
        var single = _pond.SqlSinglePartition("select * from {0} join {1} on a = b", a, b);
        (await single.CountAsync()).Should().Be(3);
    }

    private PondFrame Keyed(string name, string key) =>
        _pond.FromItems([1, 2, 3]).Select($"{key} as {name}").RepartitionByHash(8, name);

    private PondFrame Join(PondFrame a, PondFrame b) =>
        _pond.SqlPerPartition("select * from {0} join {1} on a = b", a, b);
}
