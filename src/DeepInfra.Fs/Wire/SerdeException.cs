// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using DeepInfra.Core;

namespace DeepInfra.Fs.Wire;

/// <summary>Bytes that do not decode, with the status code that the protocol gives to the fault.</summary>
internal sealed class SerdeException(StatusCode code, string message) : DeepInfraException(message)
{
    public StatusCode Code { get; } = code;

    [DoesNotReturn]
    public static void ThrowTooShort(string what, long needed, long available) =>
        throw new SerdeException(
            StatusCode.SerdeInsufficientLength,
            $"{what} needs {needed} bytes, {available} are left"
        );

    [DoesNotReturn]
    public static void ThrowUnterminatedVarint() =>
        throw new SerdeException(StatusCode.SerdeInsufficientLength, "unterminated varint");

    [DoesNotReturn]
    public static void ThrowUnknownVariant(string variant, string name) =>
        throw new SerdeException(
            StatusCode.SerdeVariantIndexExceeded,
            $"variant {variant} has no alternative '{name}'"
        );

    [DoesNotReturn]
    public static void ThrowTooDeep() =>
        throw new SerdeException(
            StatusCode.SerdeInsufficientLength,
            $"structures are nested deeper than {SerdeReader.MaximumDepth}"
        );
}
