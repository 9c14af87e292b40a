// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Interop;

/// <summary>DLPack's device, 8 bytes.</summary>
/// <param name="Type">The kind of device.</param>
/// <param name="Id">The ordinal.</param>
public readonly record struct DLDevice(DLDeviceType Type, int Id);
