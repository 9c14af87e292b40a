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

    [Theory]
    [InlineData("a < b & \"c\" > 'd'", "a < b & \"c\" > 'd'")]
    [InlineData("\u0001bell\u0007 \uD83D\uDE00 \uFFFF", "?bell? \uD83D\uDE00 ?")]
    [InlineData("]]> <script>", "]]> <script>")]
    public void SvgRender_AnyTitle_IsWellFormed(string title, string shown)
    {
        var timeline = new PipelineTimeline(title, "<&>", 1, s_small.Timeline.Entries[..1]);

        var svg = XDocument.Parse(ScheduleSvgRenderer.Render([timeline]));

        var texts = svg.Descendants().Where(e => e.Name.LocalName == "text").Select(e => e.Value);
        texts.Should().Contain($"{shown}, makespan {timeline.Makespan} <&>");
    }

    [Fact]
    public void SvgRender_HalfASurrogatePair_IsWellFormed()
    {
        var title = "a" + '\uD83D' + "b" + '\uDE00';
        var timeline = new PipelineTimeline(title, "", 1, []);

        XDocument.Parse(ScheduleSvgRenderer.Render([timeline])).ToString().Should().Contain("a?b?");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Render_NothingInIt_DrawsEmptyRows(int ranks)
    {
        var empty = new PipelineTimeline("empty", "", ranks, []);

        var svg = XDocument.Parse(ScheduleSvgRenderer.Render([empty]));
        var text = ScheduleTextRenderer.Render(empty, 1);
        using var trace = new MemoryStream();
        ChromeTraceWriter.Write(trace, empty);

        svg.ToString().Should().NotContainAny("NaN", "Infinity", "∞");
        svg.Descendants().Count(e => e.Value.StartsWith("rank ")).Should().BeGreaterThan(0);
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().HaveCount(ranks);
        JsonDocument
            .Parse(trace.ToArray())
            .RootElement.TryGetProperty("traceEvents", out _)
            .Should()
            .BeTrue();
    }

    [Fact]
    public void Render_OneRank_DrawsEveryAction()
    {
        var result = ScheduleSimulator.Simulate(PipelineSchedules.GPipe(1, 2));

        var svg = XDocument.Parse(ScheduleSvgRenderer.Render(result));

        svg.Descendants().Count(e => e.Name.LocalName == "title").Should().Be(4);
        ScheduleTextRenderer.Render(result).Should().Be("0 | F0 F1 b0--- b1---\n");
    }

    [Theory]
    [InlineData(double.NaN, 1)]
    [InlineData(0, double.PositiveInfinity)]
    public void Timeline_TimesNotFinite_Throws(double start, double end)
    {
        var entry = s_small.Timeline.Entries[0] with { Start = start, End = end };

        FluentActions
            .Invoking(() => new PipelineTimeline("x", "", 2, [entry]))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
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
