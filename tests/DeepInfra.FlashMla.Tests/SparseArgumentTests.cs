// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla.Tests;

public sealed class SparseArgumentTests : IDisposable
{
    private readonly KvBlocks _cache = KvBlocks.Allocate(KvCacheFormat.Fp8V32, 4, 16);
    private readonly Tensor<int> _indices = Tensor<int>.Create([2, 1, 8]);
    private readonly Tensor<int> _lengths = Tensor<int>.FromSpan([8, 3], [2]);
    private readonly Tensor<BFloat16> _q = Tensor<BFloat16>.Create([2, 1, 4, 576]);
    private readonly MlaDecodePlan _plan = MlaDecodePlan.Create(Device.Cpu, Options);

    public SparseArgumentTests() => _plan.UpdateSparse(2, _lengths);

    private static MlaDecodeOptions Options =>
        new()
        {
            Shape = MlaShape.DeepSeekV3(4),
            MaxBatch = 2,
            PageSize = 16,
            Format = KvCacheFormat.Fp8V32,
            TopK = 8,
        };

    private SparseScope Scope => new(_cache, _indices, _lengths);

    public void Dispose()
    {
        _plan.Dispose();
        _cache.Data.Dispose();
        _indices.Dispose();
        _lengths.Dispose();
        _q.Dispose();
    }

    [Fact]
    public void DecodeSparse_GoodArguments_Runs()
    {
        var state = MlaAttention.DecodeSparse(_plan, _q, Scope);

        (state.LogSumExp.Shape == [2, 4, 1]).Should().BeTrue();
        _plan.KernelName.Should().EndWith("sparse");
        _plan.IsSparse.Should().BeTrue();
    }

    [Fact]
    public void IsCompatible_SparsePlan_IsNotForDecode()
    {
        _plan.IsCompatible(_q, _cache, _lengths, out var reason).Should().BeFalse();

        reason.Should().Contain("sparse");
    }

    [Fact]
    public void DecodeSparse_WrongScope_Throws()
    {
        using var topK = Tensor<int>.Create([2, 1, 9]);
        using var strided = Tensor<int>.Create([2, 1, 8, 2]);
        using var tooLong = Tensor<int>.FromSpan([8, 9], [2]);
        using var changed = Tensor<int>.FromSpan([8, 4], [2]);
        var page = KvBlocks.Allocate(KvCacheFormat.Fp8V32, 4, 32);

        Bad("scope", "*[2,1,8]*[2,1,9]*", new SparseScope(_cache, topK, _lengths));
        Bad("scope", "*contiguous last axis*", new(_cache, strided.AsSelected(3, 0), _lengths));
        Bad("scope", "*scope[1]*[0,8], got 9*", new SparseScope(_cache, _indices, tooLong));
        Bad("scope", "*changed since the plan*", new SparseScope(_cache, _indices, changed));
        Bad("scope", "*has none*", new SparseScope(_cache, _indices));
        Bad("scope", "*page size of 16, got 32*", new SparseScope(page, _indices, _lengths));
        page.Data.Dispose();
        FluentActions
            .Invoking(() => MlaAttention.DecodeSparse(_plan, _q, default))
            .Should()
            .Throw<ArgumentNullException>()
            .WithParameterName("scope");
    }

    [Fact]
    public void DecodeSparse_ExtraScopeAgainstThePlan_Throws()
    {
        FluentActions
            .Invoking(() => MlaAttention.DecodeSparse(_plan, _q, Scope, Scope))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*ExtraTopK 0, but a scope was given*");
        using var plan = MlaDecodePlan.Create(Device.Cpu, Options with { ExtraTopK = 8 });
        plan.UpdateSparse(2, _lengths);
        FluentActions
            .Invoking(() => MlaAttention.DecodeSparse(plan, _q, Scope))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*ExtraTopK 8, but a scope was not given*");
        FluentActions
            .Invoking(() => MlaAttention.DecodeSparse(plan, _q, Scope, Scope))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*page size of 64*and 16*");
    }

    [Fact]
    public void DecodeSparse_ExtraScopeOfAnotherFormat_Throws()
    {
        using var plan = MlaDecodePlan.Create(
            Device.Cpu,
            Options with
            {
                ExtraTopK = 8,
                ExtraPageSize = 16,
            }
        );
        plan.UpdateSparse(2, _lengths);
        var plain = KvBlocks.Allocate(KvCacheFormat.BFloat16, 4, 16);
        using var topK = Tensor<int>.Create([2, 1, 7]);

        Extra(new SparseScope(plain, _indices), "*format Fp8V32*got BFloat16*");
        Extra(new SparseScope(_cache, topK), "*[2,1,8]*[2,1,7]*");
        Extra(new SparseScope(_cache, _indices, _lengths), "*changed since the plan*");
        plain.Data.Dispose();

        void Extra(SparseScope extra, string message) =>
            FluentActions
                .Invoking(() => MlaAttention.DecodeSparse(plan, _q, Scope, extra))
                .Should()
                .Throw<ArgumentException>()
                .WithMessage(message)
                .WithParameterName("extraScope");
    }

    [Fact]
    public void DecodeSparse_BatchOfAnotherSize_Throws()
    {
        using var q = Tensor<BFloat16>.Create([1, 1, 4, 576]);
        using var indices = Tensor<int>.Create([1, 1, 8]);
        using var lengths = Tensor<int>.FromSpan([8], [1]);

        Expect<ArgumentException>(
            () => MlaAttention.DecodeSparse(_plan, q, new SparseScope(_cache, indices, lengths)),
            "q: the plan was updated for 2 requests, got [1,1,4,576]*"
        );
    }

    [Fact]
    public void DecodeSparse_WrongSink_Throws()
    {
        using var sink = Tensor<float>.Create([3]);

        FluentActions
            .Invoking(() => MlaAttention.DecodeSparse(_plan, _q, Scope, attnSink: sink))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*attnSink*[4]*[3]*");
    }

    [Fact]
    public void Plans_OfTheOtherKind_Throw()
    {
        using var dense = MlaDecodePlan.Create(Device.Cpu, Options with { TopK = 0 });
        using var table = Tensor<int>.Create([2, 1]);

        Expect<InvalidOperationException>(() => dense.UpdateSparse(2), "*dense decode*");
        Expect<InvalidOperationException>(() => _plan.Update([1, 2]), "*sparse decode*TopK is 8*");
        Expect<InvalidOperationException>(
            () => MlaAttention.DecodeSparse(dense, _q, Scope),
            "*dense decode*"
        );
        Expect<InvalidOperationException>(
            () => MlaAttention.Decode(_plan, _q, _cache, table, _lengths),
            "*sparse decode*"
        );
    }

    [Fact]
    public void UpdateSparse_WrongArguments_Throw()
    {
        using var negative = Tensor<int>.FromSpan([-1, 0], [2]);

        Expect<ArgumentOutOfRangeException>(() => _plan.UpdateSparse(3), "*[0,2], got 3*");
        Expect<ArgumentException>(() => _plan.UpdateSparse(1, _lengths), "*topKLength*[1]*[2]*");
        Expect<ArgumentException>(() => _plan.UpdateSparse(2, negative), "*topKLength[0]*-1*");
        Expect<ArgumentException>(() => _plan.UpdateSparse(2, null, _lengths), "*no extra scope*");
    }

    [Fact]
    public void Create_WrongSparseOptions_Throw()
    {
        Expect<ArgumentException>(() => Create(Options with { Causal = true }), "*Causal*");
        Expect<ArgumentException>(() => Create(Options with { TopK = -1 }), "*TopK*-1*");
        Expect<ArgumentException>(
            () => Create(Options with { TopK = 0, ExtraTopK = 4 }),
            "*ExtraTopK*"
        );
        Expect<ArgumentException>(
            () =>
                Create(
                    Options with
                    {
                        Format = KvCacheFormat.BFloat16,
                        Shape = new MlaShape(4, 2, 576, 512),
                    }
                ),
            "*one KV head, got 2*"
        );

        static void Create(MlaDecodeOptions options) =>
            MlaDecodePlan.Create(Device.Cpu, options).Dispose();
    }

    [Fact]
    public void PrefillSparse_WrongArguments_Throw()
    {
        using var q = Tensor<BFloat16>.Create([3, 2, 576]);
        using var kv = Tensor<BFloat16>.Create([10, 1, 576]);
        using var kv2 = Tensor<BFloat16>.Create([10, 2, 576]);
        using var floats = Tensor<float>.Create([10, 1, 576]);
        using var indices = Tensor<int>.Create([3, 1, 4]);
        using var indices2 = Tensor<int>.Create([4, 1, 4]);
        using var lengths = Tensor<int>.FromSpan([1, 2, 5], [3]);

        Expect<ArgumentException>(
            () => MlaAttention.PrefillSparse(q, floats, indices),
            "*kv: expected BFloat16 or Float16*"
        );
        Expect<ArgumentException>(
            () => MlaAttention.PrefillSparse(q, kv2, indices),
            "*kv: expected shape [10,1,576]*"
        );
        Expect<ArgumentException>(
            () => MlaAttention.PrefillSparse(q, kv, indices2),
            "*indices: expected shape [3,1,4], got [4,1,4]*"
        );
        Expect<ArgumentException>(
            () => MlaAttention.PrefillSparse(q.AsSlice(2, 0, 512), kv, indices),
            "*q: expected shape [3,2,576]*"
        );
        Expect<ArgumentException>(
            () => MlaAttention.PrefillSparse(q, kv, indices, topKLength: lengths),
            "*topKLength[2]*[0,4], got 5*"
        );
        Expect<ArgumentException>(
            () => MlaAttention.PrefillSparse(q, kv, indices, valueDim: 577),
            "*valueDim*577*"
        );
        Expect<ArgumentException>(
            () => MlaAttention.PrefillSparse(q, kv, indices, softmaxScale: float.NaN),
            "*softmaxScale*"
        );
        Expect<ArgumentOutOfRangeException>(
            () => MlaAttention.PrefillSparse(q, kv, indices, indexerTopK: -1),
            "*indexerTopK*"
        );
    }

    [Fact]
    public void FromLogical_Positions_BecomeSlots()
    {
        using var logical = Tensor<int>.FromSpan([0, 17, -5, 33, 16, 2], [2, 1, 3]);
        using var table = Tensor<int>.FromSpan([7, 3, 9, 1, 0, 5], [2, 3]);

        using var slots = SparseIndices.FromLogical(logical, table, 16);

        slots.ToArray().Should().Equal(7 * 16, 3 * 16 + 1, -1, 5 * 16 + 1, 0, 16 + 2);
    }

    [Fact]
    public void FromLogical_OutsideTheTable_Throws()
    {
        using var logical = Tensor<int>.FromSpan([48], [1, 1, 1]);
        using var negative = Tensor<int>.FromSpan([0], [1, 1, 1]);
        using var table = Tensor<int>.FromSpan([-1, 0, 1], [1, 3]);

        Expect<ArgumentException>(
            () => SparseIndices.FromLogical(logical, table, 16),
            "*position 48*3 blocks of 16*"
        );
        Expect<ArgumentException>(
            () => SparseIndices.FromLogical(negative, table, 16),
            "*blockTable[0,0]*-1*"
        );
        using var last = Tensor<int>.FromSpan([int.MaxValue], [1, 1, 1]);
        Expect<ArgumentException>(
            () => SparseIndices.FromLogical(last, table, 16),
            "*position 2147483647*"
        );
        using var far = Tensor<int>.FromSpan([1 << 28, 0, 0], [1, 3]);
        Expect<ArgumentException>(
            () => SparseIndices.FromLogical(negative, far, 16),
            "*slots fit 31 bits, got 268435456*"
        );
        Expect<ArgumentOutOfRangeException>(
            () => SparseIndices.FromLogical(negative, table, 0),
            "*pageSize*"
        );
    }

    [Fact]
    public void SparseLength_ExtraScope_StartsAtAWholeBlock()
    {
        MlaSchedule.SparseLength(0).Should().Be(1);
        MlaSchedule.SparseLength(65).Should().Be(65);
        MlaSchedule.SparseLength(65, 3).Should().Be(131);
        MlaSchedule.SparseLength(0, 0).Should().Be(64);
        MlaSchedule.SparsePartCount(132, 2, 128).Should().Be(33);
        MlaSchedule.SparsePartCount(2, 3, 64).Should().Be(1);
    }

    private static void Expect<TException>(Action action, string message)
        where TException : Exception => action.Should().Throw<TException>().WithMessage(message);

    private void Bad(string name, string message, SparseScope scope) =>
        FluentActions
            .Invoking(() => MlaAttention.DecodeSparse(_plan, _q, scope))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage(message)
            .WithParameterName(name);
}
