// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Tests.Tensors;

public unsafe class TensorTests
{
    [Theory]
    [InlineData(DType.Float64, 8)]
    [InlineData(DType.Float32, 4)]
    [InlineData(DType.Float16, 2)]
    [InlineData(DType.BFloat16, 2)]
    [InlineData(DType.Float8E4M3, 1)]
    [InlineData(DType.Float8E5M2, 1)]
    [InlineData(DType.Float8E8M0, 1)]
    [InlineData(DType.Int8, 1)]
    [InlineData(DType.Int16, 2)]
    [InlineData(DType.Int32, 4)]
    [InlineData(DType.Int64, 8)]
    [InlineData(DType.UInt8, 1)]
    [InlineData(DType.UInt16, 2)]
    [InlineData(DType.UInt32, 4)]
    [InlineData(DType.UInt64, 8)]
    [InlineData(DType.Boolean, 1)]
    public void Create_EveryType_IsZeroedAlignedAndSized(DType dtype, int size)
    {
        using var tensor = Tensor.Create(dtype, [3, 5]);

        tensor.DType.Should().Be(dtype);
        DTypes.SizeInBytes(dtype).Should().Be(size);
        ((nuint)tensor.DataPointer % 64).Should().Be(0);
        new Span<byte>(tensor.DataPointer, 15 * size).IndexOfAnyExcept((byte)0).Should().Be(-1);
        tensor.ToString().Should().Be($"{dtype}[3,5] on cpu");
        tensor.IsContiguous.Should().BeTrue();
    }

    [Fact]
    public void Create_Fp4_IsNotSupported()
    {
        FluentActions
            .Invoking(() => Tensor.Create(DType.Float4E2M1, [2]))
            .Should()
            .Throw<NotSupportedException>();
        FluentActions
            .Invoking(() => DTypes.SizeInBytes(DType.Float4E2M1))
            .Should()
            .Throw<NotSupportedException>()
            .WithMessage("*UInt8*");
        FluentActions.Invoking(() => DTypes.Of<decimal>()).Should().Throw<NotSupportedException>();
        FluentActions
            .Invoking(() => DTypes.BitsOf((DType)99))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
        DTypes.BitsOf(DType.Float4E2M1).Should().Be(4);
    }

    [Fact]
    public void Create_MoreBytesThanAddresses_Throws()
    {
        FluentActions
            .Invoking(() => Tensor<double>.Create([long.MaxValue / 4]))
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .WithMessage("shape: *elements of 8 bytes do not fit in 63 bits*");
    }

    [Fact]
    public void Wrap_BadMemory_Throws()
    {
        var memory = stackalloc float[4];
        FluentActions
            .Invoking(() => Tensor<float>.Wrap((float*)null, [2]))
            .Should()
            .Throw<ArgumentNullException>()
            .WithMessage("pointer: expected the address of the elements of [2], got null*");
        FluentActions
            .Invoking(() => Tensor<float>.Wrap(memory, [2, 2], new Strides(1)))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("strides: expected rank 2, got 1*");
        FluentActions
            .Invoking(() => Tensor<float>.Wrap(memory, [3], new Strides(long.MaxValue / 2)))
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .WithMessage("strides: *more than 63 bits*");
        using var empty = Tensor<float>.Wrap((float*)null, [0, 3]);
        empty.AsSpan().IsEmpty.Should().BeTrue();
        using var negative = Tensor<float>.Wrap(memory + 3, [4], new Strides(-1));
        negative.Fill(2);
        memory[0].Should().Be(2);
    }

    [Fact]
    public void CopyTo_OwnTransposedView_Transposes()
    {
        using var tensor = Tensor<int>.FromSpan([0, 1, 2, 3, 4, 5, 6, 7, 8], [3, 3]);

        tensor.CopyTo(tensor.AsTransposed());

        tensor.ToArray().Should().Equal(0, 3, 6, 1, 4, 7, 2, 5, 8);
        tensor.AsSlice(1, 0, 2).CopyTo(tensor.AsSlice(1, 1, 2));
        tensor.ToArray().Should().Equal(0, 0, 3, 1, 1, 4, 2, 2, 5);
    }

    [Fact]
    public void Shape_BadExtents_Throw()
    {
        FluentActions
            .Invoking(() => new Shape(1, -1))
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .WithMessage("extents[1]: expected a value >= 0, got -1*");
        FluentActions
            .Invoking(() => new Shape(new long[9]))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*at most 8 dimensions, got 9*");
        FluentActions
            .Invoking(() => new Shape(long.MaxValue, 2))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => new Shape(1)[1]).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => new Strides(new long[9])).Should().Throw<ArgumentException>();
        FluentActions
            .Invoking(() => new Strides(1)[-2])
            .Should()
            .Throw<ArgumentOutOfRangeException>();
        new Strides(4, 1).ToString().Should().Be("[4,1]");
        new Strides(4, 1).Equals((object)new Strides(4, 1)).Should().BeTrue();
        new Strides(4, 1).GetHashCode().Should().Be(new Strides(4, 1).GetHashCode());
        (new Strides(4, 1) != new Strides(1)).Should().BeTrue();
    }

    [Fact]
    public void Views_BadArguments_Throw()
    {
        using var x = Tensor<float>.Create([2, 3]);

        x.Invoking(t => t.AsSlice(1, 2, 2))
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .WithMessage("*[0,3), got [2,4)*");
        x.Invoking(t => t.AsSlice(1, -1, 1)).Should().Throw<ArgumentOutOfRangeException>();
        x.Invoking(t => t.AsSlice(2, 0, 1))
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .WithMessage("*[-2,1], got 2*");
        x.Invoking(t => t.AsSelected(0, 2)).Should().Throw<ArgumentOutOfRangeException>();
        x.Invoking(t => t.AsReshaped([4]))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*expected 6 elements*");
        x.Invoking(t => t.AsTransposed().AsReshaped([6]))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*contiguous*");
        x.Invoking(t => t.AsTransposed().AsSpan()).Should().Throw<InvalidOperationException>();
        x.Invoking(t => t[0])
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*expected 2 values*");
        x.Invoking(t => t[0, 3]).Should().Throw<ArgumentOutOfRangeException>();
        x.Invoking(t => t.As<int>("q"))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("q: expected Int32, got Float32*")
            .WithParameterName("q");
        x.Invoking(t => t.CopyTo(Tensor<float>.Create([3, 2]))).Should().Throw<ArgumentException>();
        FluentActions
            .Invoking(() => Tensor<float>.FromSpan([1, 2], [3]))
            .Should()
            .Throw<ArgumentException>();
        FluentActions
            .Invoking(() => Tensor<float>.Wrap(new float[2], [3]))
            .Should()
            .Throw<ArgumentException>();
        FluentActions
            .Invoking(() => Tensor<float>.Wrap(null, [0, 3], new Strides(1)))
            .Should()
            .Throw<ArgumentException>();
    }

    [Fact]
    public void View_Rows_AreSpansOfTheInnermostDimension()
    {
        using var x = Tensor<int>.FromSpan([.. Enumerable.Range(0, 24)], [2, 3, 4]);

        x.AsView().Row(1, 2).ToArray().Should().Equal(20, 21, 22, 23);
        x.AsReadOnlyView().Row(0, 1).ToArray().Should().Equal(4, 5, 6, 7);
        x.AsView().Row(1, 2)[0] = -1;
        x[1, 2, 0].Should().Be(-1);
        x.Invoking(t => t.AsView().Row(1)).Should().Throw<ArgumentException>();
        x.Invoking(t => t.AsView().Row(2, 0)).Should().Throw<ArgumentOutOfRangeException>();
        x.Invoking(t => t.AsTransposed().AsView().Row(0, 0))
            .Should()
            .Throw<InvalidOperationException>();
    }

    [Fact]
    public void View_CopyToOtherShape_Throws()
    {
        using var x = Tensor<int>.Create([2, 3]);
        using var y = Tensor<int>.Create([3, 2]);

        FluentActions
            .Invoking(() => x.AsReadOnlyView().CopyTo(y.AsView()))
            .Should()
            .Throw<ArgumentException>();
        y.AsTransposed().Fill(5);
        y.AsReadOnlyView().CopyTo(x.AsTransposed().AsView());
        x.ToArray().Should().OnlyContain(v => v == 5);
    }

    [Fact]
    public void Dispose_Owner_InvalidatesViews()
    {
        var x = Tensor<float>.Create([2, 3]);
        var view = x.AsSelected(0, 1);

        view.Dispose();
        view.IsDisposed.Should().BeTrue();
        x.IsDisposed.Should().BeFalse();
        var other = x.AsSelected(0, 1);
        x.Dispose();
        x.Dispose();

        other.IsDisposed.Should().BeTrue();
        other.Invoking(t => t.AsSpan()).Should().Throw<ObjectDisposedException>();
        x.Invoking(t => t.AsSlice(0, 0, 1)).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void Wrap_Memory_SharesAndUnpins()
    {
        var array = new int[6];
        using (var x = Tensor<int>.Wrap(array, [2, 3]))
            x[1, 0] = 7;

        array.Should().Equal(0, 0, 0, 7, 0, 0);
    }

    [Fact]
    public void Wrap_Pointer_ReleasesOnce()
    {
        var released = 0;
        var data = stackalloc float[4];
        data[2] = 5;

        var x = Tensor<float>.Wrap(data, [2], new Strides(2), () => released++);
        x.ToArray().Should().Equal(0, 5);
        x.Dispose();
        x.Dispose();

        released.Should().Be(1);
    }

    [Fact]
    public void DeviceTensor_HostAccess_Throws()
    {
        using var x = Tensor<float>.Wrap((float*)64, [2], device: Device.Cuda(1));

        x.ToString().Should().Be("Float32[2] on cuda:1");
        x.Invoking(t => t.AsSpan())
            .Should()
            .Throw<InvalidOperationException>()
            .WithMessage("*cuda:1*");
        x.Invoking(t => t.AsView()).Should().Throw<InvalidOperationException>();
        x.Invoking(t => t[0]).Should().Throw<InvalidOperationException>();
        FluentActions.Invoking(() => Device.Cuda(-1)).Should().Throw<ArgumentOutOfRangeException>();
    }
}
