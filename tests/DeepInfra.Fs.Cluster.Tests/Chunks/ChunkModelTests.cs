// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Tests.Chunks;

/// <summary>Random updates against an in-memory model, with reopening in between.</summary>
public sealed class ChunkModelTests
{
    private const int Chunks = 4;

    [Theory]
    [InlineData(1, 1_500)]
    [InlineData(2, 1_500)]
    public Task RandomUpdates_AgainstModel_Agree(int seed, int operations) =>
        RunAsync(seed, operations);

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(10)]
    [InlineData(11)]
    [InlineData(12)]
    public Task ManyRandomUpdates_AgainstModel_Agree(int seed) => RunAsync(seed, 30_000);

    private static async Task RunAsync(int seed, int operations)
    {
        using var fixture = new ChunkFixture();
        var random = new Random(seed);
        var model = new byte[]?[Chunks];
        for (var i = 0; i < operations; i++)
        {
            var number = (uint)random.Next(Chunks);
            switch (random.Next(20))
            {
                case < 11:
                    await WriteAsync(fixture, model, random, number);
                    break;
                case < 14:
                    await ResizeAsync(fixture, model, random, number);
                    break;
                case 14:
                    await fixture.RemoveAsync(number);
                    model[number] = null;
                    break;
                case 15 when i % 4 == 0:
                    fixture.Reopen();
                    break;
                default:
                    Check(fixture, model, random, number, $"seed {seed}, operation {i}");
                    break;
            }
        }
        for (var number = 0u; number < Chunks; number++)
        {
            fixture.Read(number).Should().Equal(model[number], "seed {0}", seed);
        }
        fixture.Target.Verify(default).Damaged.Should().BeEmpty();
        var blocks = model.Count(m => m is not null);
        fixture.Target.UsedBytes.Should().Be(blocks * 64 * 1024);
    }

    private static async Task WriteAsync(
        ChunkFixture fixture,
        byte[]?[] model,
        Random random,
        uint number
    )
    {
        var old = model[number] ?? [];
        // Appends are as frequent as overwrites, and page boundaries are hit often.
        var offset = random.Next(3) == 0 ? old.Length : random.Next((int)ChunkFixture.ChunkSize);
        if (random.Next(3) == 0)
        {
            offset &= ~4095;
        }
        var length = random.Next(1, random.Next(2) == 0 ? 300 : 20_000);
        length = Math.Min(length, (int)ChunkFixture.ChunkSize - offset);
        if (length <= 0)
        {
            return;
        }
        var data = new byte[length];
        random.NextBytes(data);
        var next = new byte[Math.Max(old.Length, offset + length)];
        old.CopyTo(next, 0);
        data.CopyTo(next, offset);
        await fixture.WriteAsync(number, (uint)offset, data);
        model[number] = next;
    }

    private static async Task ResizeAsync(
        ChunkFixture fixture,
        byte[]?[] model,
        Random random,
        uint number
    )
    {
        var old = model[number] ?? [];
        var length = random.Next((int)ChunkFixture.ChunkSize + 1);
        var extend = random.Next(3) == 0;
        await fixture.ResizeAsync(number, (uint)length, extend);
        var next = old;
        if (!extend || length > old.Length)
        {
            next = new byte[length];
            old.AsSpan(0, Math.Min(old.Length, length)).CopyTo(next);
        }
        model[number] = next;
    }

    private static void Check(
        ChunkFixture fixture,
        byte[]?[] model,
        Random random,
        uint number,
        string context
    )
    {
        if (model[number] is not { } expected)
        {
            fixture.Read(number).Should().BeNull(context);
            return;
        }
        var offset = random.Next((int)ChunkFixture.ChunkSize);
        var length = random.Next(1, 20_000);
        var end = Math.Min(expected.Length, offset + length);
        var wanted = offset < expected.Length ? expected[offset..end] : [];
        fixture.Read(number, (uint)offset, (uint)length).Should().Equal(wanted, context);
    }
}
