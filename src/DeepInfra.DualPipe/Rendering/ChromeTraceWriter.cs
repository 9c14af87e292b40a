// SPDX-License-Identifier: MIT
using System.Text.Json;
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Rendering;

/// <summary>
/// Writes time lines in Chrome's trace-event JSON, which chrome://tracing and Perfetto open. Each rank is a
/// process with a thread for compute and one for communication; several time lines (simulated, measured)
/// can go into one file. Thread-safe.
/// </summary>
public static class ChromeTraceWriter
{
    /// <summary>Process ids of the second time line start here, those of the third at twice this.</summary>
    public const int ProcessIdStride = 10_000;

    private const int ComputeThread = 1;
    private const int CommunicationThread = 2;

    /// <summary>Writes UTF-8 JSON.</summary>
    /// <param name="output">Target; stays open.</param>
    /// <param name="timelines">At least one. A unit of "ms", "s" or "us" is converted; a unitless time line counts as milliseconds.</param>
    /// <exception cref="ArgumentException">No time line, or an unknown unit.</exception>
    public static void Write(Stream output, params IReadOnlyList<PipelineTimeline> timelines)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(timelines);
        if (timelines.Count == 0)
        {
            throw new ArgumentException(
                "expected at least one time line, got none",
                nameof(timelines)
            );
        }

        using var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        json.WriteString("displayTimeUnit", "ms");
        json.WriteStartArray("traceEvents");
        for (var i = 0; i < timelines.Count; i++)
        {
            WriteTimeline(json, timelines[i], i * ProcessIdStride);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteTimeline(
        Utf8JsonWriter json,
        PipelineTimeline timeline,
        int firstProcess
    )
    {
        var microseconds = timeline.Unit switch
        {
            "" or "ms" => 1e3,
            "s" => 1e6,
            "us" => 1.0,
            _ => throw new ArgumentException(
                $"expected the unit \"\", \"s\", \"ms\" or \"us\", got \"{timeline.Unit}\"",
                nameof(timeline)
            ),
        };
        for (var rank = 0; rank < timeline.RankCount; rank++)
        {
            var process = firstProcess + rank;
            WriteName(json, "process_name", process, 0, $"rank {rank} ({timeline.Title})");
            WriteName(json, "thread_name", process, ComputeThread, "compute");
            WriteName(json, "thread_name", process, CommunicationThread, "communication");
        }

        foreach (var entry in timeline.Entries)
        {
            var action = entry.Action;
            json.WriteStartObject();
            json.WriteString("name", action.ToString());
            json.WriteString("cat", PipelineAction.Symbol(action.Kind));
            json.WriteString("ph", "X");
            json.WriteNumber("pid", firstProcess + entry.Rank);
            json.WriteNumber("tid", action.IsCompute ? ComputeThread : CommunicationThread);
            json.WriteNumber("ts", Math.Round(entry.Start * microseconds, 3));
            json.WriteNumber("dur", Math.Round(entry.Duration * microseconds, 3));
            if (action.IsCompute)
            {
                WriteArguments(json, action);
            }

            json.WriteEndObject();
        }
    }

    private static void WriteArguments(Utf8JsonWriter json, in PipelineAction action)
    {
        json.WriteStartObject("args");
        json.WriteNumber("stage", action.Stage);
        json.WriteNumber("microBatch", action.MicroBatch);
        json.WriteNumber("slot", action.Slot);
        json.WriteNumber("step", action.Step);
        if (action.Kind == PipelineActionKind.ForwardBackward)
        {
            json.WriteNumber("backwardStage", action.Stage2);
            json.WriteNumber("backwardMicroBatch", action.MicroBatch2);
        }

        json.WriteEndObject();
    }

    private static void WriteName(
        Utf8JsonWriter json,
        string kind,
        int process,
        int thread,
        string name
    )
    {
        json.WriteStartObject();
        json.WriteString("name", kind);
        json.WriteString("ph", "M");
        json.WriteNumber("pid", process);
        json.WriteNumber("tid", thread);
        json.WriteStartObject("args");
        json.WriteString("name", name);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
