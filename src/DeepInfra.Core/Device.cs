// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>Where a tensor lives. The device of the arguments picks the backend; nothing falls back silently.</summary>
/// <param name="Type">The kind of device.</param>
/// <param name="Index">The ordinal among devices of that kind; 0 for the CPU.</param>
public readonly record struct Device(DeviceType Type, int Index)
{
    /// <summary>Host memory and the managed SIMD backend.</summary>
    public static Device Cpu => default;

    /// <summary>True for host memory.</summary>
    public bool IsCpu => Type == DeviceType.Cpu;

    /// <summary>An NVIDIA GPU.</summary>
    /// <param name="index">The CUDA device ordinal.</param>
    /// <exception cref="ArgumentOutOfRangeException">The ordinal is negative.</exception>
    public static Device Cuda(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        return new Device(DeviceType.Cuda, index);
    }

    /// <inheritdoc/>
    public override string ToString() => IsCpu ? "cpu" : $"cuda:{Index}";
}
