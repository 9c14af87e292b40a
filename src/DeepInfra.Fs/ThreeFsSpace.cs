// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs;

/// <summary>Capacity of the file system in bytes.</summary>
/// <param name="CapacityBytes">Size of all disks.</param>
/// <param name="UsedBytes">Bytes in use.</param>
/// <param name="FreeBytes">Bytes left.</param>
public sealed record ThreeFsSpace(long CapacityBytes, long UsedBytes, long FreeBytes);
