// SPDX-License-Identifier: MIT
namespace DeepInfra.Gemm.Operands;

/// <summary>Exceptions that name an argument of the public method, thrown where the argument has another name.</summary>
internal static class Errors
{
    public static ArgumentException Argument(string name, string message) => new(message, name);

    public static ArgumentOutOfRangeException Range(string name, string message) =>
        new(name, message);

    public static ArgumentNullException Null(string name, string message) => new(name, message);
}
