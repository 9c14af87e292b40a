// SPDX-License-Identifier: MIT
using DeepInfra.Core.Interop;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Interop;

[Collection(nameof(TensorMemory))]
public unsafe class DLPackTests
{
    public static TheoryData<DType, DLDataTypeCode, int> Types =>
        new()
        {
            { DType.Float64, DLDataTypeCode.Float, 64 },
            { DType.Float32, DLDataTypeCode.Float, 32 },
            { DType.Float16, DLDataTypeCode.Float, 16 },
            { DType.BFloat16, (DLDataTypeCode)4, 16 },
            { DType.Float8E4M3, (DLDataTypeCode)10, 8 },
            { DType.Float8E5M2, (DLDataTypeCode)12, 8 },
            { DType.Float8E8M0, (DLDataTypeCode)14, 8 },
            { DType.Int8, DLDataTypeCode.Int, 8 },
            { DType.Int16, DLDataTypeCode.Int, 16 },
            { DType.Int32, DLDataTypeCode.Int, 32 },
            { DType.Int64, DLDataTypeCode.Int, 64 },
            { DType.UInt8, DLDataTypeCode.UInt, 8 },
            { DType.UInt16, DLDataTypeCode.UInt, 16 },
            { DType.UInt32, DLDataTypeCode.UInt, 32 },
            { DType.UInt64, DLDataTypeCode.UInt, 64 },
            { DType.Boolean, (DLDataTypeCode)6, 8 },
        };

    [Fact]
    public void Layout_OnLp64_MatchesTheStandard()
    {
        Assert.SkipUnless(sizeof(nint) == 8, "needs 64-bit pointers");
        DLTensor t;
        DLManagedTensorVersioned v;
        DLManagedTensor m;

        sizeof(DLTensor).Should().Be(48);
        Offset(&t, &t.Data).Should().Be(0);
        Offset(&t, &t.Device).Should().Be(8);
        Offset(&t, &t.Rank).Should().Be(16);
        Offset(&t, &t.DataType).Should().Be(20);
        Offset(&t, &t.Shape).Should().Be(24);
        Offset(&t, &t.Strides).Should().Be(32);
        Offset(&t, &t.ByteOffset).Should().Be(40);
        sizeof(DLManagedTensorVersioned).Should().Be(80);
        Offset(&v, &v.Version).Should().Be(0);
        Offset(&v, &v.ManagerContext).Should().Be(8);
        Offset(&v, &v.Deleter).Should().Be(16);
        Offset(&v, &v.Flags).Should().Be(24);
        Offset(&v, &v.Tensor).Should().Be(32);
        sizeof(DLManagedTensor).Should().Be(64);
        Offset(&m, &m.ManagerContext).Should().Be(48);
        Offset(&m, &m.Deleter).Should().Be(56);

        var device = new DLDevice(DLDeviceType.CudaManaged, 7);
        ((int*)&device)[0].Should().Be(13);
        ((int*)&device)[1].Should().Be(7);
        var type = new DLDataType(DLDataTypeCode.Float4E2M1Fn, 4, 2);
        (((byte*)&type)[0], ((byte*)&type)[1], ((ushort*)&type)[1]).Should().Be((17, 4, 2));
        var version = new DLPackVersion(1, 2);
        (((uint*)&version)[0], ((uint*)&version)[1]).Should().Be((1u, 2u));

        static long Offset(void* start, void* field) => (byte*)field - (byte*)start;
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void ToDLPack_EveryType_DescribesAndReturns(DType dtype, DLDataTypeCode code, int bits)
    {
        using var tensor = Tensor.Create(dtype, [2, 3]);

        var managed = tensor.ToDLPack();

        managed->Tensor.DataType.Should().Be(new DLDataType(code, (byte)bits, 1));
        managed->Tensor.Device.Should().Be(new DLDevice(DLDeviceType.Cpu, 0));
        managed->Version.Major.Should().Be(1u);
        using var back = Tensor.FromDLPack(managed);
        back.DType.Should().Be(dtype);
        back.Shape.Should().Equal(2, 3);
        ((nint)back.DataPointer).Should().Be((nint)tensor.DataPointer);
    }

    [Fact]
    public void ToDLPack_StridedSlice_KeepsStridesAndOffset()
    {
        using var tensor = new DeterministicRandom(1).Normal<float>([4, 6, 8]);
        var view = tensor.AsSlice(1, 2, 3).AsSelected(0, 1).AsTransposed();

        var managed = view.ToDLPack();

        new ReadOnlySpan<long>(managed->Tensor.Strides, 2).ToArray().Should().Equal(1, 8);
        ((nint)managed->Tensor.Data + (nint)managed->Tensor.ByteOffset)
            .Should()
            .Be((nint)view.DataPointer);
        using var back = Tensor.FromDLPack(managed).As<float>();
        TensorAssertions.ShouldBeBitEqual(back, view);
    }

    [Fact]
    public void ToDLPack_OwnerDisposedFirst_MemoryLivesUntilDeleted()
    {
        var (bytes, count) = (TensorMemory.LiveBytes, TensorMemory.LiveCount);
        var tensor = Tensor<int>.FromSpan([1, 2, 3], [3]);
        var managed = tensor.ToDLPack();

        tensor.Dispose();

        tensor.IsDisposed.Should().BeTrue();
        TensorMemory.LiveCount.Should().Be(count + 1);
        using (var back = Tensor.FromDLPack(managed).As<int>())
            back.ToArray().Should().Equal(1, 2, 3);
        (TensorMemory.LiveBytes, TensorMemory.LiveCount).Should().Be((bytes, count));
        tensor.Invoking(t => t.ToDLPack()).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void ToDLPack_OwnerDisposed_EndsItsViews()
    {
        var owner = Tensor<int>.Create([4]);
        var view = owner.AsSlice(0, 1, 2);
        var managed = ((Tensor)owner).ToDLPack();

        owner.Dispose();

        view.IsDisposed.Should().BeTrue();
        view.Invoking(v => v.AsSpan().Length).Should().Throw<ObjectDisposedException>();
        managed->Deleter(managed);
    }

    [Fact]
    public void ToDLPack_Empty_HasNullData()
    {
        using var tensor = Tensor<float>.Create([0, 5]);

        var managed = tensor.ToDLPack();

        (managed->Tensor.Data is null).Should().BeTrue();
        using var back = Tensor.FromDLPack(managed);
        back.Shape.Should().Equal(0, 5);
        back.As<float>().ToArray().Should().BeEmpty();
    }

    [Fact]
    public void ToDLPack_Scalar_HasRankZero()
    {
        using var tensor = Tensor<double>.FromSpan([2.5], []);

        using var back = Tensor.FromDLPack(tensor.ToDLPack()).As<double>();

        back.Rank.Should().Be(0);
        back[[]].Should().Be(2.5);
    }

    [Fact]
    public void FromDLPack_NullStrides_IsCompactRowMajor()
    {
        using var foreign = new ForeignTensor([2, 3]);
        foreign.Versioned->Tensor.Strides = null;

        using (var tensor = Tensor.FromDLPack(foreign.Versioned).As<float>())
        {
            tensor.IsContiguous.Should().BeTrue();
            tensor[1, 2].Should().Be(5);
        }

        foreign.Deletions.Should().Be(1);
    }

    [Fact]
    public void FromDLPack_Legacy_ImportsAndDeletesOnce()
    {
        using var foreign = new ForeignTensor([6]);

        var tensor = Tensor.FromDLPack(foreign.Legacy).As<float>();
        tensor.ToArray().Should().Equal(0, 1, 2, 3, 4, 5);
        var view = tensor.AsSlice(0, 1, 2);
        view.Dispose();
        foreign.Deletions.Should().Be(0);
        tensor.Dispose();
        tensor.Dispose();

        foreign.Deletions.Should().Be(1);
        view.Invoking(v => v.ToArray()).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void FromDLPack_NullDeleter_IsFine()
    {
        using var foreign = new ForeignTensor([6]);
        foreign.Versioned->Deleter = null;
        foreign.Legacy->Deleter = null;

        Tensor.FromDLPack(foreign.Versioned).Dispose();
        Tensor.FromDLPack(foreign.Legacy).Dispose();

        foreign.Deletions.Should().Be(0);
    }

    [Fact]
    public void FromDLPack_ByteOffset_IsAdded()
    {
        using var foreign = new ForeignTensor([4]);
        foreign.Versioned->Tensor.ByteOffset = 8;

        using var tensor = Tensor.FromDLPack(foreign.Versioned).As<float>();

        tensor.ToArray().Should().Equal(2, 3, 4, 5);
    }

    [Fact]
    public void FromDLPack_OtherMajorVersion_DeletesAndThrows()
    {
        using var foreign = new ForeignTensor([6]);
        foreign.Versioned->Version = new DLPackVersion(2, 0);
        foreign.Versioned->Tensor.Shape = (long*)1;

        foreign
            .Invoking(f => Tensor.FromDLPack(f.Versioned))
            .Should()
            .Throw<NotSupportedException>()
            .WithMessage("*got 2.0*");

        foreign.Deletions.Should().Be(1);
    }

    [Fact]
    public void FromDLPack_NewerMinorVersion_Imports()
    {
        using var foreign = new ForeignTensor([6]);
        foreign.Versioned->Version = new DLPackVersion(1, 99);

        Tensor.FromDLPack(foreign.Versioned).Dispose();

        foreign.Deletions.Should().Be(1);
    }

    [Fact]
    public void FromDLPack_ReadOnly_CopiesAndDeletesAtOnce()
    {
        using var foreign = new ForeignTensor([6]);
        foreign.Versioned->Flags = DLPackFlags.ReadOnly;

        using var tensor = Tensor.FromDLPack(foreign.Versioned).As<float>();

        foreign.Deletions.Should().Be(1);
        tensor.ToArray().Should().Equal(0, 1, 2, 3, 4, 5);
    }

    [Fact]
    public void ToDLPack_ReadOnly_SetsTheFlag()
    {
        using var tensor = Tensor<float>.Create([1]);

        var managed = tensor.ToDLPack(readOnly: true);

        managed->Flags.Should().Be(DLPackFlags.ReadOnly);
        managed->Deleter(managed);
    }

    [Theory]
    [InlineData(2, 32, 2, 1, "lanes")]
    [InlineData(5, 64, 1, 1, "complex")]
    [InlineData(8, 8, 1, 1, "e4m3 with infinities")]
    [InlineData(15, 6, 1, 1, "fp6")]
    [InlineData(200, 8, 1, 1, "unknown code")]
    [InlineData(2, 32, 1, 10, "unknown device")]
    public void FromDLPack_NoCounterpart_DeletesAndThrows(
        byte code,
        byte bits,
        ushort lanes,
        int device,
        string why
    )
    {
        using var foreign = new ForeignTensor([6]);
        foreign.Versioned->Tensor.DataType = new DLDataType((DLDataTypeCode)code, bits, lanes);
        foreign.Versioned->Tensor.Device = new DLDevice((DLDeviceType)device, 0);

        foreign
            .Invoking(f => Tensor.FromDLPack(f.Versioned))
            .Should()
            .Throw<NotSupportedException>(why);

        foreign.Deletions.Should().Be(1);
    }

    [Fact]
    public void FromDLPack_BadStructures_DeleteAndThrow()
    {
        using var negative = new ForeignTensor([-1]);
        negative.Invoking(f => Tensor.FromDLPack(f.Versioned)).Should().Throw<ArgumentException>();
        negative.Deletions.Should().Be(1);

        using var rank = new ForeignTensor([6]);
        rank.Versioned->Tensor.Rank = 9;
        rank.Invoking(f => Tensor.FromDLPack(f.Versioned)).Should().Throw<NotSupportedException>();
        rank.Deletions.Should().Be(1);

        using var noData = new ForeignTensor([6]);
        noData.Versioned->Tensor.Data = null;
        noData
            .Invoking(f => Tensor.FromDLPack(f.Versioned))
            .Should()
            .Throw<ArgumentException>()
            .WithParameterName("managed");
        noData.Deletions.Should().Be(1);

        using var noShape = new ForeignTensor([6]);
        noShape.Versioned->Tensor.Shape = null;
        noShape
            .Invoking(f => Tensor.FromDLPack(f.Versioned))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("managed: expected 1 extents, got a null pointer*");
        noShape.Deletions.Should().Be(1);

        using var farStrides = new ForeignTensor([6]);
        farStrides.Versioned->Tensor.Strides[0] = long.MaxValue;
        farStrides
            .Invoking(f => Tensor.FromDLPack(f.Versioned))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
        farStrides.Deletions.Should().Be(1);

        FluentActions
            .Invoking(() => Tensor.FromDLPack((DLManagedTensorVersioned*)null))
            .Should()
            .Throw<ArgumentNullException>();
        FluentActions
            .Invoking(() => Tensor.FromDLPack((DLManagedTensor*)null))
            .Should()
            .Throw<ArgumentNullException>();
    }

    [Fact]
    public void FromDLPack_Fp4_BecomesBytes()
    {
        using var packed = new ForeignTensor([3, 4]);
        packed.Versioned->Tensor.DataType = new DLDataType(DLDataTypeCode.Float4E2M1Fn, 4, 1);
        using (var bytes = Tensor.FromDLPack(packed.Versioned))
        {
            bytes.DType.Should().Be(DType.UInt8);
            bytes.Shape.Should().Equal(3, 2);
        }
        using var pairs = new ForeignTensor([3, 4]);
        pairs.Versioned->Tensor.DataType = new DLDataType(DLDataTypeCode.Float4E2M1Fn, 4, 2);
        using (var bytes = Tensor.FromDLPack(pairs.Versioned))
            bytes.Shape.Should().Equal(3, 4);
        using var padded = new ForeignTensor([3, 4]);
        padded.Versioned->Tensor.DataType = new DLDataType(DLDataTypeCode.Float4E2M1Fn, 4, 1);
        padded.Versioned->Flags = DLPackFlags.SubBytePadded;
        padded
            .Invoking(f => Tensor.FromDLPack(f.Versioned))
            .Should()
            .Throw<NotSupportedException>();
        using var odd = new ForeignTensor([4, 3]);
        odd.Versioned->Tensor.DataType = new DLDataType(DLDataTypeCode.Float4E2M1Fn, 4, 1);
        odd.Invoking(f => Tensor.FromDLPack(f.Versioned)).Should().Throw<NotSupportedException>();

        new[] { packed, pairs, padded, odd }.Should().OnlyContain(f => f.Deletions == 1);
    }

    [Theory]
    [InlineData(DLDeviceType.CudaHost, "cpu")]
    [InlineData(DLDeviceType.Cuda, "cuda:3")]
    [InlineData(DLDeviceType.CudaManaged, "cuda:3")]
    public void FromDLPack_Device_Maps(DLDeviceType type, string expected)
    {
        using var foreign = new ForeignTensor([6]);
        foreign.Versioned->Tensor.Device = new DLDevice(type, 3);

        using var tensor = Tensor.FromDLPack(foreign.Versioned);

        tensor.Device.ToString().Should().Be(expected);
    }

    [Fact]
    public void FromDLPack_Abandoned_IsDeletedByTheCollector()
    {
        using var foreign = new ForeignTensor([6]);
        Abandon(foreign);

        for (var i = 0; i < 50 && foreign.Deletions == 0; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        foreign.Deletions.Should().Be(1);

        [System.Runtime.CompilerServices.MethodImpl(
            System.Runtime.CompilerServices.MethodImplOptions.NoInlining
        )]
        static void Abandon(ForeignTensor foreign) => _ = Tensor.FromDLPack(foreign.Versioned);
    }

    [Fact]
    public void FromDLPack_DisposedByManyThreads_IsDeletedOnce()
    {
        for (var round = 0; round < 100; round++)
        {
            using var foreign = new ForeignTensor([6]);
            var tensor = Tensor.FromDLPack(foreign.Versioned);

            Parallel.For(0, 8, _ => tensor.Dispose());

            foreign.Deletions.Should().Be(1);
        }
    }

    [Fact]
    public void RoundTrip_ThousandTimes_LeaksNothing()
    {
        var before = (TensorMemory.LiveBytes, TensorMemory.LiveCount);
        for (var i = 0; i < 1000; i++)
        {
            using var tensor = Tensor<BFloat16>.Create([3, i % 7]);
            using var back = Tensor.FromDLPack(tensor.ToDLPack());
            using var again = Tensor.FromDLPack(back.ToDLPack());
        }

        (TensorMemory.LiveBytes, TensorMemory.LiveCount).Should().Be(before);
    }
}
