// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs;

/// <summary>The outcome of one operation of a <see cref="ThreeFsBatch"/>.</summary>
/// <param name="Tag">The number that the caller gave the operation.</param>
/// <param name="Bytes">Bytes read or written.</param>
/// <param name="Error">Why it failed; null when it succeeded.</param>
public readonly record struct BatchCompletion(long Tag, int Bytes, Exception? Error);
