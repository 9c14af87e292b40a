// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Tests;

/// <summary>The instances of a pool do not spill more than the pool may, however many there are.</summary>
public sealed class DuckPoolTests
{
    private const string Part = "1.0 MiB";

    [Fact]
    public async Task Rent_MoreThanTheShares_TheRestMayNotSpill()
    {
        await using var area = new TestArea();
        using var pool = new DuckPool(area["spill"], 1 << 20, shares: 2, keep: 2);

        var first = pool.Rent(1, 64 << 20);
        var second = pool.Rent(1, 64 << 20);
        var third = pool.Rent(1, 64 << 20);

        Limit(first).Should().Be(Part);
        Limit(second).Should().Be(Part);
        Limit(third).Should().Be("0 bytes");
        pool.Return(third);
        pool.Discard(first);
        var fourth = pool.Rent(1, 64 << 20);
        Limit(fourth).Should().Be(Part, "the share of the discarded instance is free");
        pool.Return(fourth);
        pool.Return(second);
        var again = new[] { pool.Rent(1, 64 << 20), pool.Rent(1, 64 << 20) };
        again.Should().BeEquivalentTo([second, fourth]);
        pool.Discard(again[0]);
        pool.Discard(again[1]);
    }

    private static object? Limit(DuckInstance duck) =>
        duck.Query("select current_setting('max_temp_directory_size')", CancellationToken.None)[0][
            0
        ];
}
