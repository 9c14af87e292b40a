// SPDX-License-Identifier: MIT
using System.Diagnostics;
using EndToEnd.Report;
using Spectre.Console;

namespace EndToEnd;

/// <summary>Phases on the console: a bar where there is a terminal, a line per phase where there is none.</summary>
internal sealed class Progress(RunFacts facts)
{
    private readonly bool _interactive =
        AnsiConsole.Profile.Capabilities.Interactive && !Console.IsOutputRedirected;

    /// <summary>A line below the phases.</summary>
    public static void Note(string text) =>
        AnsiConsole.MarkupLineInterpolated($"  [grey]{text}[/]");

    /// <summary>Runs a phase. The function reports with (done share 0..1, text).</summary>
    public async Task<T> PhaseAsync<T>(string name, Func<Action<double, string>, Task<T>> phase)
    {
        var clock = Stopwatch.StartNew();
        T result;
        if (!_interactive)
        {
            AnsiConsole.MarkupLineInterpolated($"[grey]{name}[/] …");
            var lastShown = TimeSpan.Zero;
            result = await phase(
                (share, text) =>
                {
                    if (clock.Elapsed - lastShown < TimeSpan.FromSeconds(10))
                        return;
                    lastShown = clock.Elapsed;
                    AnsiConsole.MarkupLineInterpolated($"  {share, 4:P0} {text}");
                }
            );
        }
        else
        {
            result = await AnsiConsole
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
        facts.Phases.Add((name, clock.Elapsed.TotalSeconds));
        AnsiConsole.MarkupLineInterpolated(
            $"[green]✓[/] {name} [grey]{clock.Elapsed.TotalSeconds:0.0} s[/]"
        );
        return result;
    }
}
