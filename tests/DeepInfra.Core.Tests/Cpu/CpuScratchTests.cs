// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Cpu;

public unsafe class CpuScratchTests
{
    [Fact]
    public void Rent_Nested_GivesDisjointAlignedMemory()
    {
        using var a = CpuScratch.Rent(100);
        using var b = CpuScratch.Rent(1_000_000);
        using var c = CpuScratch.Rent(0);
        using var d = CpuScratch.Rent(64);
        new Span<byte>(a.Pointer, 100).Fill(1);
        new Span<byte>(b.Pointer, 1_000_000).Fill(2);
        new Span<byte>(d.Pointer, 64).Fill(3);

        ((nuint)a.Pointer % 64).Should().Be(0);
        ((nuint)b.Pointer % 64).Should().Be(0);
        ((nuint)c.Pointer % 64).Should().Be(0);
        new Span<byte>(a.Pointer, 100).IndexOfAnyExcept((byte)1).Should().Be(-1);
        new Span<byte>(b.Pointer, 1_000_000).IndexOfAnyExcept((byte)2).Should().Be(-1);
    }

    [Fact]
    public void Rent_MoreThanThereIs_LeavesTheArenaAsItWas()
    {
        var arena = new CpuScratch.Arena();
        using var first = arena.Rent(64);

        FluentActions
            .Invoking(() => arena.Rent(nuint.MaxValue / 4))
            .Should()
            .Throw<OutOfMemoryException>();

        using var second = arena.Rent(64);
        ((nint)second.Pointer).Should().Be((nint)first.Pointer + 64);
    }

    [Fact]
    public void Rent_Again_ReusesMemoryWithoutAllocation()
    {
        nint first;
        using (var lease = CpuScratch.Rent(300_000))
            first = (nint)lease.Pointer;
        var same = true;

        var allocated = AllocationMeasure.OfWarm(() =>
        {
            using var outer = CpuScratch.Rent(300_000);
            using var inner = CpuScratch.Rent(1000);
            same &= (nint)outer.Pointer == first;
        });

        same.Should().BeTrue();
        allocated.Should().Be(0);
    }

    [Fact]
    public void Rent_OnOtherThreads_IsSeparate()
    {
        using var mine = CpuScratch.Rent(64);
        *(int*)mine.Pointer = 42;
        var thread = new Thread(() =>
        {
            using var other = CpuScratch.Rent(64);
            *(int*)other.Pointer = 7;
        });
        thread.Start();
        thread.Join();

        (*(int*)mine.Pointer).Should().Be(42);
    }
}
