// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Interop;

/// <summary>DLPack's element type, 4 bytes.</summary>
/// <param name="Code">The kind of number.</param>
/// <param name="Bits">Bits per lane.</param>
/// <param name="Lanes">Lanes per element, 1 except for vectors.</param>
public readonly record struct DLDataType(DLDataTypeCode Code, byte Bits, ushort Lanes);
