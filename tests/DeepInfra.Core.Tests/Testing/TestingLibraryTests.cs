// SPDX-License-Identifier: MIT
using DeepInfra.Testing;
using Xunit.Sdk;

namespace DeepInfra.Core.Tests.Testing;

public class TestingLibraryTests
{
    [GpuFact(minimumComputeCapability: 80)]
    public void GpuFact_WithDevice_Runs() =>
        new GpuRequirement(80, 1, 0).MissingReason.Should().BeNull();

    [Fact]
    public void GpuRequirement_NeverMet_NamesWhatIsMissing() =>
        new GpuRequirement(95, 1000, 12040)
            .MissingReason.Should()
            .StartWith(
                "needs 1000 CUDA devices, compute capability >= 9.5, driver >= 12.4 (found: "
            );

    [Fact]
    public async Task GpuFact_RequiredButMissing_Fails()
    {
        Assert.SkipWhen(
            new GpuRequirement(80, 1, 0).MissingReason is null,
            "this machine has a GPU"
        );

        var result = await ChildProcess.RunSelfAsync(
            ["--filter-method", "*" + nameof(GpuFact_WithDevice_Runs)],
            new Dictionary<string, string?> { ["DEEPINFRA_REQUIRE_GPU"] = "1" }
        );

        result.ExitCode.Should().NotBe(0);
        result.StandardOutput.Should().Contain("DEEPINFRA_REQUIRE_GPU=1: needs CUDA device");
    }

    [Fact]
    public async Task ChildProcess_Timeout_KillsAndThrows()
    {
        var act = () =>
            ChildProcess.RunAsync("sleep", ["30"], timeout: TimeSpan.FromMilliseconds(50));

        await act.Should().ThrowAsync<TimeoutException>();
    }

    [Fact]
    public void DeterministicRandom_SameSeed_SameNumbers()
    {
        var (a, b) = (new DeterministicRandom(5), new DeterministicRandom(5));

        Enumerable
            .Range(0, 100)
            .Select(_ => a.NextUInt64())
            .Should()
            .Equal(Enumerable.Range(0, 100).Select(_ => b.NextUInt64()));
        new DeterministicRandom(0).NextUInt64().Should().Be(11091344671253066420);
    }

    [Fact]
    public void DeterministicRandom_Normal_HasMomentsOfNormal()
    {
        var values = new float[100_000];

        new DeterministicRandom(1).FillNormal<float>(values, mean: 2, deviation: 3);

        values.Average().Should().BeApproximately(2, 0.05f);
        Math.Sqrt(values.Average(v => Math.Pow(v - 2, 2))).Should().BeApproximately(3, 0.05);
    }

    [Fact]
    public void DeterministicRandom_Permutation_HasEachOnce() =>
        new DeterministicRandom(3)
            .Permutation(100)
            .Order()
            .Should()
            .Equal(Enumerable.Range(0, 100));

    [Fact]
    public void DeterministicRandom_Ranges_StayInside()
    {
        var random = new DeterministicRandom(2);

        for (var i = 0; i < 10_000; i++)
        {
            random.NextInt32(-3, 4).Should().BeInRange(-3, 3);
            random.NextUniform(1, 2).Should().BeInRange(1, 2);
        }
        random.Invoking(r => r.NextInt32(0)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void ShouldBeClose_WithinTolerance_Passes() =>
        TensorAssertions.ShouldBeClose<float, double>(
            [1, float.NaN, 2.0001f],
            [1, double.NaN, 2],
            new Tolerance(1e-3, 0, 1e-6)
        );

    [Theory]
    [InlineData(1, 2, float.NaN)]
    [InlineData(1, float.PositiveInfinity, 3)]
    [InlineData(1, 2, 4)]
    public void ShouldBeClose_Off_Fails(float a, float b, float c)
    {
        var act = () =>
            TensorAssertions.ShouldBeClose<float, float>(
                [a, b, c],
                [1, 2, 3],
                new Tolerance(0.1, 0.1, 0.1)
            );

        act.Should().Throw<FailException>().WithMessage("*[*]*");
    }

    [Fact]
    public void ShouldBeBitEqual_SignOfZero_Fails()
    {
        var act = () => TensorAssertions.ShouldBeBitEqual<float>([0f], [-0f]);

        act.Should().Throw<FailException>().WithMessage("*1 of 1*80000000*");
    }

    [Fact]
    public void Difference_ScaledVector_IsCosineStyle()
    {
        Metrics.Difference<float, float>([1, 2], [1, 2]).Should().Be(0);
        Metrics.Difference<float, float>([0, 0], [0, 0]).Should().Be(0);
        Metrics.Difference<float, float>([1, 0], [0, 1]).Should().Be(1);
        Metrics.Difference<float, float>([1, 0], [-1, 0]).Should().Be(2);
        Metrics.ShiftedDifference<float, float>([0, 0], [0, 0]).Should().Be(0);
    }

    [Fact]
    public void Npy_RoundTrip_KeepsShapeAndBits()
    {
        using var directory = new TempDirectory();
        using var tensor = new DeterministicRandom(1).Normal<BFloat16>([3, 5, 7]);
        using var vector = new DeterministicRandom(1).Normal<double>([4]);

        NpyWriter.Write(directory.Combine("a.npy"), tensor);
        NpyWriter.Write(directory.Combine("b.npy"), vector);
        using var back = NpyReader.Read<BFloat16>(directory.Combine("a.npy"));
        using var vectorBack = NpyReader.Read<double>(directory.Combine("b.npy"));

        TensorAssertions.ShouldBeBitEqual(back, tensor);
        TensorAssertions.ShouldBeBitEqual(vectorBack, vector);
        (new FileInfo(directory.Combine("b.npy")).Length % 64).Should().Be(32);
    }

    [Fact]
    public void NpyReader_BadFiles_Throw()
    {
        using var directory = new TempDirectory();
        using var tensor = Tensor<float>.Create([2, 2]);
        var path = directory.Combine("a.npy");
        NpyWriter.Write(path, tensor);
        var bytes = File.ReadAllBytes(path);

        FluentActions
            .Invoking(() => NpyReader.Read<int>(path))
            .Should()
            .Throw<InvalidDataException>();
        for (var length = 0; length < bytes.Length; length++)
            FluentActions
                .Invoking(() => NpyReader.Read<float>(new MemoryStream(bytes, 0, length)))
                .Should()
                .Throw<InvalidDataException>();
    }

    [Fact]
    public void TempDirectory_Dispose_DeletesEverything()
    {
        var directory = new TempDirectory();
        Directory.CreateDirectory(directory.Combine("a", "b"));
        File.WriteAllText(directory.Combine("a", "b", "c.txt"), "x");

        directory.Dispose();
        directory.Dispose();

        Directory.Exists(directory.Path).Should().BeFalse();
    }
}
