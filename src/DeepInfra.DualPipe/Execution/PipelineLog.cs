// SPDX-License-Identifier: MIT
using Microsoft.Extensions.Logging;

namespace DeepInfra.DualPipe.Execution;

internal static partial class PipelineLog
{
    [LoggerMessage(
        5001,
        LogLevel.Warning,
        "The {What} of direction {Direction} are ignored: no rank of this process uses them"
    )]
    public static partial void DataIgnored(ILogger logger, string what, int direction);

    [LoggerMessage(
        5002,
        LogLevel.Warning,
        "{StageType} (stage {Stage}) cannot split its backward: the full backward runs in place of I and W does nothing"
    )]
    public static partial void SplitUnsupported(ILogger logger, string stageType, int stage);

    [LoggerMessage(5003, LogLevel.Warning, "Rank {Rank} could not tell its peers that it stops")]
    public static partial void AbortFailed(ILogger logger, Exception exception, int rank);
}
