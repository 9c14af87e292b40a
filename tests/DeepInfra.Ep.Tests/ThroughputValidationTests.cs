// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.Ep;
using DeepInfra.Core;

namespace DeepInfra.Ep.Tests;

public sealed class ThroughputValidationTests : IDisposable
{
    private const int Tokens = 4;
    private const int Hidden = 64;
    private const int Experts = 8;

    private readonly ExpertParallelGroup _group = ExpertParallelGroup.CreateInProcess(1)[0];
    private readonly ThroughputBuffer _buffer;
    private readonly DispatchInput _good;

    public ThroughputValidationTests()
    {
        _buffer = ThroughputBuffer.Create(
            _group,
            new ThroughputBufferOptions
            {
                MaxTokensPerRank = Tokens,
                Hidden = Hidden,
                MaxTopK = 4,
            }
        );
        _good = EpData.RandomInputs([Tokens], DType.BFloat16, Hidden, Experts, 2, seed: 1)[0];
    }

    public static TheoryData<string, Func<DispatchInput, DispatchInput>> BadInputs() =>
        new()
        {
            { "input.X", i => i with { X = Tensor<BFloat16>.Create([Tokens]) } },
            { "input.X", i => i with { X = Tensor<BFloat16>.Create([Tokens, 12]) } },
            { "input.X", i => i with { X = Tensor<BFloat16>.Create([Tokens, 0]) } },
            {
                "input.X",
                i => i with { X = Tensor<BFloat16>.Create([Hidden, Tokens]).AsTransposed() }
            },
            { "input", i => i with { X = Tensor<BFloat16>.Create([Tokens + 1, Hidden]) } },
            {
                "input.ScaleFactors",
                i => i with { ScaleFactors = Tensor<float>.Create([Tokens, 1]) }
            },
            {
                "input.ScaleFactors",
                i =>
                    i with
                    {
                        X = Tensor<Float8E4M3>.Create([Tokens, Hidden]),
                        ScaleFactors = Tensor<Half>.Create([Tokens, 1]),
                    }
            },
            {
                "input.ScaleFactors",
                i =>
                    i with
                    {
                        X = Tensor<Float8E4M3>.Create([Tokens, Hidden]),
                        ScaleFactors = Tensor<float>.Create([Tokens - 1, 1]),
                    }
            },
            { "input.TopkIdx", i => i with { TopkIdx = Tensor<short>.Create([Tokens, 2]) } },
            { "input.TopkIdx", i => i with { TopkIdx = Tensor<long>.Create([Tokens - 1, 2]) } },
            { "input.TopkIdx", i => i with { TopkIdx = Tensor<long>.Create([Tokens, 5]) } },
            { "input.TopkIdx", i => i with { TopkIdx = Tensor<long>.Create([Tokens, 0]) } },
            { "input", i => i with { TopkWeights = null } },
            { "input", i => i with { TopkIdx = null } },
            { "input", i => i with { TopkIdx = null, TopkWeights = null } },
            {
                "input.TopkWeights",
                i => i with { TopkWeights = Tensor<float>.Create([Tokens, 3]) }
            },
            { "input.TopkWeights", i => i with { TopkWeights = Tensor<Half>.Create([Tokens, 2]) } },
            { "input.Experts", i => i with { Experts = 0 } },
            { "input.Experts", i => i with { Experts = 4096 } },
        };

    [Theory]
    [MemberData(nameof(BadInputs), DisableDiscoveryEnumeration = true)]
    public void Dispatch_BadInput_NamesArgument(
        string paramName,
        Func<DispatchInput, DispatchInput> change
    )
    {
        var act = () => _buffer.Dispatch(change(_good));

        act.Should().Throw<ArgumentException>().Which.ParamName.Should().Be(paramName);
        _buffer.IsFaulted.Should().BeFalse();
        _buffer.Dispatch(_good).Dispose();
    }

    [Fact]
    public void Dispatch_ExpertsThatRanksCannotShare_Throws()
    {
        using var group = ExpertParallelGroup.CreateInProcess(3)[0];
        using var buffer = ThroughputBuffer.Create(group, _buffer.Options);

        var act = () => buffer.Dispatch(_good);

        act.Should()
            .Throw<ArgumentException>()
            .WithMessage("*8*")
            .Which.ParamName.Should()
            .Be("input.Experts");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Dispatch_RowsBeyondTwoToThe31Bytes_ReachesTheLast()
    {
        // 2.2 GB of rows of which only the last is touched, and as much of sums.
        const int tokens = 153_000;
        const int hidden = 7168;
        using var buffer = ThroughputBuffer.Create(
            _group,
            new ThroughputBufferOptions { MaxTokensPerRank = tokens, Hidden = hidden }
        );
        using var x = Tensor<BFloat16>.Create([tokens, hidden]);
        using var topkIdx = Tensor<int>.Create([tokens, 1]);
        using var weights = Tensor<float>.Create([tokens, 1]);
        topkIdx.Fill(-1);
        topkIdx[tokens - 1, 0] = 3;
        x.AsSelected(0, tokens - 1).Fill((BFloat16)5f);

        using var received = buffer.Dispatch(
            new DispatchInput(x, topkIdx, weights) { Experts = Experts }
        );
        using var combined = buffer.Combine(received.X, received.Handle);

        received.RowCount.Should().Be(1);
        ((float)received.X.As<BFloat16>()[0, hidden - 1]).Should().Be(5);
        var sums = combined.X.As<BFloat16>();
        ((float)sums[tokens - 1, hidden - 1]).Should().Be(5);
        ((float)sums[tokens - 2, hidden - 1]).Should().Be(0);
    }

    [Fact]
    public void Create_MoreMemoryThanThereIs_Throws()
    {
        using var group = ExpertParallelGroup.CreateInProcess(
            1,
            new InProcessOptions { ZeroCopy = false }
        )[0];

        var act = () =>
            ThroughputBuffer.Create(
                group,
                new ThroughputBufferOptions { MaxTokensPerRank = 60_000_000, Hidden = 1 << 30 }
            );

        act.Should().Throw<OutOfMemoryException>();
    }

    [Fact]
    public void Dispatch_NullRows_Throws()
    {
        var act = () => _buffer.Dispatch(_good with { X = null! });

        act.Should().Throw<ArgumentNullException>();
    }

    [Fact]
    public void Dispatch_DisposedRows_Throws()
    {
        var x = Tensor<BFloat16>.Create([Tokens, Hidden]);
        x.Dispose();

        var act = () => _buffer.Dispatch(_good with { X = x });

        act.Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public unsafe void Dispatch_RowsOnDevice_IsNotSupported()
    {
        var x = Tensor<BFloat16>.Wrap((BFloat16*)64, [Tokens, Hidden], device: Device.Cuda(0));

        var act = () => _buffer.Dispatch(_good with { X = x });

        act.Should().Throw<NotSupportedException>();
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, -1)]
    public void Dispatch_BadOptions_Throws(int alignment, int worstCase)
    {
        var act = () =>
            _buffer.Dispatch(
                _good,
                new DispatchOptions { ExpertAlignment = alignment, WorstCaseTokens = worstCase }
            );

        act.Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void Dispatch_WorstCaseWithoutRouting_Throws()
    {
        using var layout = _buffer.GetDispatchLayout(_good.TopkIdx!, Experts);
        var input = new DispatchInput(_good.X) { Experts = Experts, Layout = layout };

        var act = () => _buffer.Dispatch(input, new DispatchOptions { WorstCaseTokens = 9 });

        act.Should().Throw<ArgumentException>();
    }

    [Fact]
    public void Dispatch_LayoutOfOtherRouting_Throws()
    {
        using var other = Tensor<long>.Create([Tokens, 2]);
        other.Fill(-1);
        using var layout = _buffer.GetDispatchLayout(other, Experts);

        var act = () => _buffer.Dispatch(_good with { Layout = layout });

        act.Should().Throw<ArgumentException>().Which.ParamName.Should().Be("input.Layout");
    }

    [Fact]
    public void Dispatch_RowsWiderThanBuffer_ThrowsBufferTooSmall()
    {
        var act = () => _buffer.Dispatch(_good with { X = Tensor<float>.Create([Tokens, Hidden]) });

        var error = act.Should().Throw<BufferTooSmallException>().Which;
        error.Needed.Should().BeGreaterThan(error.Available);
    }

    [Theory]
    [InlineData(Experts)]
    [InlineData(-2)]
    [InlineData(long.MaxValue)]
    public void Dispatch_ExpertOutOfRange_ThrowsEvenUnchecked(long value)
    {
        _good.TopkIdx!.As<long>()[2, 1] = value;

        var act = () => _buffer.Dispatch(_good, new DispatchOptions { CheckRouting = false });

        var error = act.Should().Throw<InvalidRoutingException>().Which;
        (error.Rank, error.Token, error.Position, error.Value).Should().Be((0, 2L, 1, value));
        _buffer.IsFaulted.Should().BeFalse();
    }

    [Fact]
    public void Dispatch_ExpertTwiceInRow_Throws()
    {
        var topkIdx = _good.TopkIdx!.As<long>();
        topkIdx[1, 0] = topkIdx[1, 1];

        var act = () => _buffer.Dispatch(_good);

        act.Should().Throw<InvalidRoutingException>().Which.Token.Should().Be(1);
    }

    [Fact]
    public void DispatchCached_BadInput_Throws()
    {
        using var received = _buffer.Dispatch(_good);
        using var layout = _buffer.GetDispatchLayout(_good.TopkIdx!, Experts);
        var handle = received.Handle;
        using var fewer = Tensor<BFloat16>.Create([Tokens - 1, Hidden]);
        using var weights = Tensor<float>.Create([Tokens, 3]);
        Action[] calls =
        [
            () => _buffer.DispatchCached(_good, handle),
            () => _buffer.DispatchCached(new DispatchInput(_good.X) { Layout = layout }, handle),
            () => _buffer.DispatchCached(new DispatchInput(_good.X) { Experts = 16 }, handle),
            () => _buffer.DispatchCached(fewer, handle),
            () => _buffer.DispatchCached(new DispatchInput(_good.X, null, weights), handle),
            () =>
                _buffer.DispatchCached(
                    _good.X,
                    handle,
                    new DispatchOptions { ExpertAlignment = 4 }
                ),
            () =>
                _buffer.DispatchCached(
                    _good.X,
                    handle,
                    new DispatchOptions { WorstCaseTokens = 4 }
                ),
        ];

        foreach (var call in calls)
            call.Should().Throw<ArgumentException>();
        _buffer.DispatchCached(_good.X, handle).Dispose();
    }

    [Fact]
    public void Combine_BadInput_NamesArgument()
    {
        using var received = _buffer.Dispatch(_good);
        var handle = received.Handle;
        var x = received.X;
        using var narrow = Tensor<BFloat16>.Create([Tokens, Hidden / 2]);
        using var codes = Tensor<Float8E4M3>.Create([Tokens, Hidden]);
        using var fewer = Tensor<BFloat16>.Create([Tokens - 1, Hidden]);
        using var weights = Tensor<float>.Create([Tokens, 3]);
        using var single = Tensor<float>.Create([Tokens, Hidden]);
        (Action Call, string Name)[] calls =
        [
            (() => _buffer.Combine(codes, handle), "x"),
            (() => _buffer.Combine(fewer, handle), "x"),
            (
                () => _buffer.Combine(x, handle, new CombineOptions { TopkWeights = weights }),
                "options.TopkWeights"
            ),
            (
                () => _buffer.Combine(x, handle, new CombineOptions { Bias0 = single }),
                "options.Bias0"
            ),
            (
                () => _buffer.Combine(x, handle, new CombineOptions { Bias1 = narrow }),
                "options.Bias1"
            ),
            (
                () => _buffer.Combine(x, handle, new CombineOptions { Output = narrow }),
                "options.Output"
            ),
        ];

        foreach (var (call, name) in calls)
            call.Should().Throw<ArgumentException>().Which.ParamName.Should().Be(name);
        var tooWide = () => _buffer.Combine(single, handle);
        tooWide.Should().Throw<BufferTooSmallException>();
        var noHandle = () => _buffer.Combine(x, null!);
        noHandle.Should().Throw<ArgumentNullException>();
    }

    [Fact]
    public void Handle_OfOtherBufferOrDisposed_IsStale()
    {
        using var other = ThroughputBuffer.Create(_group, _buffer.Options);
        using var received = other.Dispatch(_good);
        var disposed = _buffer.Dispatch(_good).Handle;
        disposed.Dispose();

        var foreign = () => _buffer.Combine(received.X, received.Handle);
        var stale = () => _buffer.DispatchCached(_good.X, disposed);
        var read = () => disposed.TokenCount;

        foreign.Should().Throw<StaleHandleException>();
        stale.Should().Throw<StaleHandleException>();
        read.Should().Throw<StaleHandleException>();
    }

    [Fact]
    public void Result_AfterDispose_CannotBeRead()
    {
        var received = _buffer.Dispatch(_good);
        received.Dispose();
        received.Dispose();

        var act = () => received.X;

        act.Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void Buffer_AfterDispose_RefusesCallsButResultsStay()
    {
        var received = _buffer.Dispatch(_good);
        _buffer.Dispose();
        _buffer.Dispose();

        var act = () => _buffer.Dispatch(_good);

        act.Should().Throw<ObjectDisposedException>();
        received.X.Shape[0].Should().Be(Tokens);
        received.Dispose();
    }

    [Fact]
    public void Buffer_OfDisposedGroup_RefusesCalls()
    {
        _group.Dispose();

        var dispatch = () => _buffer.Dispatch(_good);
        var create = () => ThroughputBuffer.Create(_group, _buffer.Options);

        dispatch.Should().Throw<ObjectDisposedException>();
        create.Should().Throw<ObjectDisposedException>();
    }

    [Theory]
    [InlineData(0, 64, 8, 1)]
    [InlineData(4, 0, 8, 1)]
    [InlineData(4, 64, 0, 1)]
    [InlineData(4, 64, 33, 1)]
    [InlineData(4, 64, 8, 0)]
    public void Create_BadOptions_Throws(int tokens, int hidden, int topK, int seconds)
    {
        var act = () =>
            ThroughputBuffer.Create(
                _group,
                new ThroughputBufferOptions
                {
                    MaxTokensPerRank = tokens,
                    Hidden = hidden,
                    MaxTopK = topK,
                    Timeout = TimeSpan.FromSeconds(seconds),
                }
            );

        act.Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void GetRequiredBytes_ZeroCopyAndStaged_DifferByTheAreas()
    {
        var options = new ThroughputBufferOptions { MaxTokensPerRank = 128, Hidden = 7168 };
        var staged = ExpertParallelGroup.CreateInProcess(
            2,
            new InProcessOptions { ZeroCopy = false }
        )[0];

        ThroughputBuffer.GetRequiredBytes(_group, options).Should().BeLessThan(4096);
        ThroughputBuffer
            .GetRequiredBytes(staged, options)
            .Should()
            .BeGreaterThan(2L * 128 * 7168 * 2);
        _buffer.Bytes.Should().Be(ThroughputBuffer.GetRequiredBytes(_group, _buffer.Options));
    }

    public void Dispose()
    {
        _buffer.Dispose();
        _group.Dispose();
    }
}
