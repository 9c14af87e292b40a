// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

/// <summary>The type with one value and no bytes.</summary>
internal readonly record struct Unit;
