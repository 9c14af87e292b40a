// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using DeepInfra.Core;
using DeepInfra.Core.Cuda;

namespace DeepInfra.FlashMla;

/// <summary>Argument checks with messages that name the argument, what was expected and what came.</summary>
internal static class ArgumentCheck
{
    /// <summary>Not null and not disposed.</summary>
    public static void Alive(
        [NotNull] Tensor? tensor,
        [CallerArgumentExpression(nameof(tensor))] string name = ""
    )
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        ObjectDisposedException.ThrowIf(tensor.IsDisposed, tensor);
    }

    public static void FloatType(Tensor tensor, string name)
    {
        if (!Cpu.RowConvert.IsFloat(tensor.DType))
            throw new ArgumentException(
                $"{name}: expected BFloat16, Float16 or Float32 elements, got {tensor.DType}",
                name
            );
    }

    public static void Rank(Tensor tensor, int rank, string meaning, string name)
    {
        if (tensor.Rank != rank)
            throw new ArgumentException($"{name}: expected {meaning}, got {tensor.Shape}", name);
    }

    public static void Shape(Tensor tensor, Shape shape, string name)
    {
        if (tensor.Shape != shape)
            throw new ArgumentException(
                $"{name}: expected shape {shape}, got {tensor.Shape}",
                name
            );
    }

    public static void LastAxisContiguous(Tensor tensor, string name)
    {
        if (tensor.Strides[-1] != 1 && tensor.Shape[-1] > 1)
            throw new ArgumentException(
                $"{name}: expected a contiguous last axis, got strides {tensor.Strides}",
                name
            );
    }

    /// <summary>An output must share no memory with an input, nor give two elements one address.</summary>
    public static void Separate(Tensor? output, string name, Tensor input, string inputName)
    {
        if (output is not null && MemoryOverlap.Possible(output, input))
            throw new ArgumentException(
                $"{name}: expected memory of its own, got memory shared with {inputName}",
                name
            );
    }

    /// <summary>No two elements have the same address.</summary>
    public static void NoRepetition(Tensor tensor, string name)
    {
        if (MemoryOverlap.WithinItself(tensor))
            throw new ArgumentException(
                $"{name}: expected strides that give every element its own address, got {tensor.Shape} with strides {tensor.Strides}",
                name
            );
    }

    public static void OnCpu(Tensor tensor, string name)
    {
        if (!tensor.Device.IsCpu)
            NoCuda(tensor.Device, name);
    }

    /// <summary>On the device of the plan.</summary>
    public static void OnDevice(Tensor tensor, Device device, string name)
    {
        if (tensor.Device != device)
            throw new ArgumentException(
                $"{name}: expected a tensor on {device}, the device of the plan, got one on {tensor.Device}",
                name
            );
    }

    /// <summary>A stream of the device, or none on the CPU.</summary>
    public static void Stream(CudaStream? stream, Device device)
    {
        if (device.IsCpu)
        {
            if (stream is not null)
                throw new ArgumentException(
                    "stream: expected none for tensors on the CPU",
                    nameof(stream)
                );
            return;
        }
        if (stream is null)
            throw new ArgumentNullException(
                nameof(stream),
                $"stream: calls on {device} need a stream"
            );
        if (stream.Device != device)
            throw new ArgumentException(
                $"stream: expected a stream of {device}, got one of {stream.Device}",
                nameof(stream)
            );
    }

    /// <summary>Refuses a call without a stream on a device.</summary>
    /// <param name="device">The device of the plan or cache.</param>
    /// <param name="overload">The overload that takes a stream.</param>
    public static void HostOverload(Device device, string overload)
    {
        if (!device.IsCpu)
            throw new InvalidOperationException(
                $"This overload works in host memory; on {device} call {overload}."
            );
    }

    [DoesNotReturn]
    public static void NoCuda(Device device, string name) =>
        throw new NotSupportedException(
            $"{name}: this operation runs on the CPU only in this version (CUDA devices have dense decode and paged caches), got device {device}"
        );
}
