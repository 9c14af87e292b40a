// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Testing;

namespace DeepInfra.Cuda.Tests;

/// <summary>A stream on the first device, and tensors that go there and back.</summary>
public abstract class DeviceTest : IDisposable
{
    private readonly List<Tensor> _tensors = [];

    protected DeviceTest()
    {
        NativeLibraries.Require("deepinfra_core");
        if (!GpuRequirement.IsGpuRequired)
            NativeLibraries.Require("deepinfra_cudasim");
        Stream = new CudaStream(Device.Cuda(0));
    }

    protected CudaStream Stream { get; }

    public void Dispose()
    {
        foreach (var tensor in _tensors)
            tensor.Dispose();
        Stream.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>A tensor in device memory that lives as long as the test.</summary>
    protected Tensor Empty(DType dtype, Shape shape)
    {
        var tensor = Tensor.Create(dtype, shape, Stream);
        _tensors.Add(tensor);
        return tensor;
    }

    /// <summary>A copy in device memory.</summary>
    protected Tensor ToDevice(Tensor host)
    {
        var tensor = host.ToDevice(Device.Cuda(0), Stream);
        _tensors.Add(tensor);
        return tensor;
    }

    /// <summary>The elements of a compact tensor as bytes, in row-major order.</summary>
    protected unsafe byte[] Bytes(Tensor tensor)
    {
        Tensor host = tensor;
        if (!tensor.Device.IsCpu)
        {
            host = tensor.ToDevice(Device.Cpu, Stream);
            Stream.Synchronize();
            _tensors.Add(host);
        }
        host.IsContiguous.Should().BeTrue();
        var bytes = host.ElementCount * DTypes.SizeInBytes(host.DType);
        return new ReadOnlySpan<byte>(host.DataPointer, (int)bytes).ToArray();
    }

    /// <summary>Values of all magnitudes, with zeros, and special values if asked for.</summary>
    protected static Tensor<float> Values(Shape shape, int seed, bool special = false)
    {
        var random = new Random(seed);
        var tensor = Tensor<float>.Create(shape);
        foreach (ref var value in Elements(tensor))
        {
            var sign = random.Next(2) == 0 ? 1f : -1f;
            value = sign * random.NextSingle() * MathF.Pow(2, random.Next(-12, 12));
            if (random.Next(50) == 0)
                value = 0;
            if (special && random.Next(200) == 0)
                value = random.Next(3) switch
                {
                    0 => float.NaN,
                    1 => float.PositiveInfinity,
                    _ => float.NegativeInfinity,
                };
        }
        return tensor;
    }

    protected static unsafe Span<T> Elements<T>(Tensor<T> tensor)
        where T : unmanaged => new(tensor.DataPointer, (int)tensor.ElementCount);
}
