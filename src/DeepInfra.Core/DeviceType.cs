// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>Kinds of device.</summary>
public enum DeviceType
{
    /// <summary>Host memory.</summary>
    Cpu,

    /// <summary>NVIDIA GPU memory.</summary>
    Cuda,
}
