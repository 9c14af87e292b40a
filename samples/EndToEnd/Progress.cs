// SPDX-License-Identifier: MIT
using System.Diagnostics;
using EndToEnd.Checks;
using EndToEnd.Report;
using Spectre.Console;

namespace EndToEnd;

/// <summary>
/// Phases on the console: a bar where there is a terminal, a line per phase where there is none. Records the time of each
/// phase and what the packages' meters counted in it.
/// </summary>
internal sealed class Progress(
    RunFacts facts,
    MeterBook meters,
    CancellationToken cancellationToken
)
{
    private readonly bool _interactive =
        AnsiConsole.Profile.Capabilities.Interactive && !Console.IsOutputRedirected;

    /// <summary>Called when a phase begins.</summary>
    public Action<string>? Started { get; init; }

    /// <summary>The phase that runs or, after a failure, the one that broke.</summary>
    public string Current { get; private set; } = "start";

    /// <summary>A line below the phases.</summary>
    public static void Note(string text) =>
        AnsiConsole.MarkupLineInterpolated($"  [grey]{text}[/]");

    /// <summary>Seconds, or milliseconds where there is less than one.</summary>
    public static string Duration(double seconds) =>
        seconds < 1
            ? FormattableString.Invariant($"{seconds * 1000:0} ms")
            : FormattableString.Invariant($"{seconds:0.0} s");

    /// <summary>Runs a phase.</summary>
    public Task PhaseAsync(string name, Func<Task> phase) =>
        PhaseAsync(
            name,
            async _ =>
            {
                await phase();
                return true;
            }
        );

    /// <summary>Runs a phase on this thread.</summary>
    public Task PhaseAsync(string name, Action phase) =>
        PhaseAsync(
            name,
            _ =>
            {
                phase();
                return Task.FromResult(true);
            }
        );

    /// <summary>Runs a phase. The function reports with (done share 0..1, text).</summary>
    public async Task<T> PhaseAsync<T>(string name, Func<Action<double, string>, Task<T>> phase)
    {
        Current = name;
        Started?.Invoke(name);
        // Also before phases that are over in a moment and look at nothing.
        cancellationToken.ThrowIfCancellationRequested();
        var before = meters.Snapshot();
        var clock = Stopwatch.StartNew();
        var result = _interactive
            ? await WithBarAsync(name, phase)
            : await WithLinesAsync(name, phase, clock);
        facts.Phases.Add((name, clock.Elapsed.TotalSeconds));
        facts.PhaseMeters[name] = meters.Since(before);
        AnsiConsole.MarkupLineInterpolated(
            $"[green]✓[/] {name} [grey]{Duration(clock.Elapsed.TotalSeconds)}[/]"
        );
        return result;
    }

    private static async Task<T> WithLinesAsync<T>(
        string name,
        Func<Action<double, string>, Task<T>> phase,
        Stopwatch clock
    )
    {
        AnsiConsole.MarkupLineInterpolated($"[grey]{name}[/] …");
        var lastShown = TimeSpan.Zero;
        return await phase(
            (share, text) =>
            {
                if (clock.Elapsed - lastShown < TimeSpan.FromSeconds(10))
                    return;
                lastShown = clock.Elapsed;
                AnsiConsole.MarkupLineInterpolated($"  {share, 4:P0} {text}");
            }
        );
    }

    private static Task<T> WithBarAsync<T>(
        string name,
        Func<Action<double, string>, Task<T>> phase
    ) =>
        AnsiConsole
            .Progress()
            .AutoClear(true)
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left },
                new ProgressBarColumn(),
                new PercentageColumn(),
                new RemainingTimeColumn()
            )
            .StartAsync(async bars =>
            {
                var bar = bars.AddTask(Markup.Escape(name), maxValue: 1);
                var value = await phase(
                    (share, text) =>
                    {
                        bar.Value = share;
                        bar.Description = Markup.Escape($"{name} {text}");
                    }
                );
                bar.Value = 1;
                return value;
            });
}
