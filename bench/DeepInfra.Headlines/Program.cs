// SPDX-License-Identifier: MIT
// Measures one headline ratio, or all of them one after another, each in a process of its own.
using System.Diagnostics;
using System.Globalization;
using DeepInfra.Headlines;
using DeepInfra.Headlines.Fs;

if (FsReadServer.TryRunChild(args))
    return 0;

var headlines = typeof(IHeadline)
    .Assembly.GetTypes()
    .Where(t => t.IsClass && t.IsAssignableTo(typeof(IHeadline)))
    .Select(t => (IHeadline)Activator.CreateInstance(t)!)
    .OrderBy(h => h.Name, StringComparer.Ordinal)
    .ToList();

if (args is ["all"])
    return MeasureAll();
if (args.Length == 1 && headlines.FirstOrDefault(h => h.Name == args[0]) is { } headline)
{
    var result = headline.Measure(Console.Out);
    Console.WriteLine(
        string.Create(
            CultureInfo.InvariantCulture,
            $"{headline.Name} {result.Value:0.###} {headline.Unit} goal {headline.Goal}"
        )
    );
    return 0;
}

Console.Error.WriteLine("usage: DeepInfra.Headlines NAME, where NAME is all or one of:");
foreach (var known in headlines)
    Console.Error.WriteLine($"  {known.Name} (goal {known.Goal} {known.Unit})");
return 2;

int MeasureAll()
{
    var failed = 0;
    foreach (var one in headlines)
    {
        // Its own process: no warmed caches, pools or heaps of the headline before.
        var start = new ProcessStartInfo(Environment.ProcessPath!);
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        start.ArgumentList.Add(one.Name);
        using var process = Process.Start(start)!;
        process.WaitForExit();
        failed += process.ExitCode == 0 ? 0 : 1;
        Console.WriteLine();
    }
    return failed == 0 ? 0 : 1;
}
