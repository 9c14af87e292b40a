// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Xml.Linq;
using DeepInfra.DualPipe.Rendering;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Simulation;

namespace DeepInfra.DualPipe.Tests.Rendering;

public sealed class RendererTests
{
    private static readonly SimulationResult s_small = ScheduleSimulator.Simulate(
        PipelineSchedules.DualPipe(2, 4)
    );

    [Fact]
    public void TextRender_OneForwardOneBackward_HasExactText() =>
        ScheduleTextRenderer
            .Render(ScheduleSimulator.Simulate(PipelineSchedules.OneForwardOneBackward(2, 3)))
            .Should()
            .Be(
                "0 | F0 F1 .. .. b0--- F2 b1--- .. b2---\n"
                    + "1 | .. F0 b0--- F1 b1--- F2 b2--- .. ..\n"
            );

    [Fact]
    public void TextRender_DualPipe_MarksSlotAndPairs() =>
        ScheduleTextRenderer
            .Render(s_small)
            .Should()
            .Be(
                "0 | F0   [F2] F1   [b2]----- [F3]b0-------- [b3]----- i1   w1\n"
                    + "1 | [F2] F0   [F3] b0------- F1[b2]-------- b1------- [i3] [w3]\n"
            );

    [Fact]
    public void TextRender_UnitTooSmall_Throws() =>
        FluentActions
            .Invoking(() => ScheduleTextRenderer.Render(s_small.Timeline, 1e-9))
            .Should()
            .Throw<ArgumentOutOfRangeException>();

    [Fact]
    public void SvgRender_DualPipe_IsWellFormedAndComplete()
    {
        var svg = XDocument.Parse(ScheduleSvgRenderer.Render(s_small));

        XNamespace ns = "http://www.w3.org/2000/svg";
        var titles = svg.Descendants(ns + "title").Select(t => t.Value).ToList();
        titles.Should().HaveCount(s_small.Timeline.Entries.Count(e => e.Action.IsCompute));
        titles.Should().Contain("rank 0: (1F3;0B0)OVERLAP_F_B, 5 to 8");
    }

    [Fact]
    public void SvgRender_Golden_HasSameBytes()
    {
        var path = Path.Combine(AppContext.BaseDirectory, "Rendering", "dualpipe-4-8.svg");
        var costs = new CostModel { ForwardBackward = 2.5 };
        var svg = ScheduleSvgRenderer.Render(
            ScheduleSimulator.Simulate(PipelineSchedules.DualPipe(4, 8), costs)
        );

        svg.Should().Be(File.ReadAllText(path));
    }

    [Fact]
    public void SvgRender_TwoTimelines_ShareOneScale()
    {
        var slow = ScheduleSimulator.Simulate(
            PipelineSchedules.DualPipe(2, 4),
            new CostModel
            {
                Forward = 2,
                Backward = 4,
                Weight = 2,
            }
        );

        var svg = ScheduleSvgRenderer.Render([s_small.Timeline, slow.Timeline]);

        // The background of a row is as long as its makespan.
        svg.Should().Contain("width=\"600\" height=\"22\" fill=\"#eeeeee\"");
        svg.Should().Contain("width=\"1200\" height=\"22\" fill=\"#eeeeee\"");
    }

    [Fact]
    public void SvgRender_NoTimeline_Throws() =>
        FluentActions
            .Invoking(() => ScheduleSvgRenderer.Render([]))
            .Should()
            .Throw<ArgumentException>();

    [Fact]
    public void ChromeTrace_TwoTimelines_HasEventsOfBoth()
    {
        using var stream = new MemoryStream();
        ChromeTraceWriter.Write(stream, s_small.Timeline, s_small.Timeline);

        var events = JsonDocument
            .Parse(stream.ToArray())
            .RootElement.GetProperty("traceEvents")
            .EnumerateArray()
            .ToList();

        events
            .Where(e => e.GetProperty("ph").GetString() == "X")
            .Should()
            .HaveCount(2 * s_small.Timeline.Entries.Length);
        events
            .Select(e => e.GetProperty("pid").GetInt32())
            .Distinct()
            .Should()
            .BeEquivalentTo([
                0,
                1,
                ChromeTraceWriter.ProcessIdStride,
                ChromeTraceWriter.ProcessIdStride + 1,
            ]);
    }

    [Fact]
    public void ChromeTrace_UnknownUnit_Throws() =>
        FluentActions
            .Invoking(() =>
                ChromeTraceWriter.Write(Stream.Null, new PipelineTimeline("x", "fortnight", 1, []))
            )
            .Should()
            .Throw<ArgumentException>();
}
