// SPDX-License-Identifier: MIT
namespace DeepInfra.Gemm.Tests;

/// <summary>What an exception about an argument must say.</summary>
internal static class ArgumentAssertions
{
    public static void Fails(Action call, string name, string message) =>
        Fails<ArgumentException>(call, name, message);

    public static void Fails<TException>(Action call, string name, string message = "")
        where TException : ArgumentException
    {
        var thrown = call.Should().Throw<TException>().Which;
        thrown.ParamName.Should().Be(name);
        if (message.Length > 0)
            thrown.Message.Should().Contain(message);
    }

    public static void NotSupported(Action call, string name) =>
        call.Should().Throw<NotSupportedException>().WithMessage($"{name}:*");
}
