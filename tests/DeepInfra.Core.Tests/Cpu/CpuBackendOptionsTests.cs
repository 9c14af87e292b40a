// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;

namespace DeepInfra.Core.Tests.Cpu;

public class CpuBackendOptionsTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(CpuParallel.MaxThreads, CpuParallel.MaxThreads)]
    [InlineData(CpuParallel.MaxThreads + 1, CpuParallel.MaxThreads)]
    [InlineData(int.MaxValue, CpuParallel.MaxThreads)]
    public void MaxDegreeOfParallelism_AnyNumber_StaysWithinThePool(int asked, int expected) =>
        new CpuBackendOptions { MaxDegreeOfParallelism = asked }
            .MaxDegreeOfParallelism.Should()
            .Be(expected);

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void MaxDegreeOfParallelism_LessThanOne_Throws(int asked) =>
        FluentActions
            .Invoking(() => new CpuBackendOptions { MaxDegreeOfParallelism = asked })
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .WithMessage($"MaxDegreeOfParallelism: expected a value >= 1, got {asked}*");

    [Fact]
    public void MaxIsa_NotATier_Throws() =>
        FluentActions
            .Invoking(() => new CpuBackendOptions { MaxIsa = (SimdTier)77 })
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .WithMessage("MaxIsa: expected a defined tier, got 77*");

    [Fact]
    public void Tier_LimitAboveTheHardware_IsTheHardware()
    {
        new CpuBackendOptions().Tier.Should().Be(CpuBackendOptions.HardwareTier);
        new CpuBackendOptions { MaxIsa = SimdTier.Reference }
            .Tier.Should()
            .Be(SimdTier.Reference);
    }
}
