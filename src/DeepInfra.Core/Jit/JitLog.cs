// SPDX-License-Identifier: MIT
using Microsoft.Extensions.Logging;

namespace DeepInfra.Core.Jit;

internal static partial class JitLog
{
    [LoggerMessage(1010, LogLevel.Information, "Compiled {Kernel} in {Milliseconds:F0} ms")]
    public static partial void Compiled(ILogger logger, string kernel, double milliseconds);

    [LoggerMessage(
        1011,
        LogLevel.Warning,
        "Kernels are not kept on disk, every process compiles them again: {Reason}"
    )]
    public static partial void NotKept(ILogger logger, string reason);

    [LoggerMessage(1012, LogLevel.Warning, "Set a damaged kernel file aside: {Path}: {Reason}")]
    public static partial void Corrupt(ILogger logger, string path, string reason);

    [LoggerMessage(
        1013,
        LogLevel.Warning,
        "Another process holds the lock of {Kernel} for {Seconds:F0} s: compiling it here as well"
    )]
    public static partial void LockTimeout(ILogger logger, string kernel, double seconds);

    [LoggerMessage(1014, LogLevel.Warning, "Cannot write the dump of {Kernel}: {Reason}")]
    public static partial void NotDumped(ILogger logger, string kernel, string reason);
}
