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

if (args is ["all", ..])
    return MeasureAll(args.AsSpan(1));
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

return Usage();

int Usage()
{
    Console.Error.WriteLine(
        "usage: DeepInfra.Headlines NAME, or: DeepInfra.Headlines all [--runs N] [--record FOLDER]"
    );
    Console.Error.WriteLine("NAME is one of:");
    foreach (var known in headlines)
        Console.Error.WriteLine($"  {known.Name} (goal {known.Goal} {known.Unit})");
    return 2;
}

int MeasureAll(ReadOnlySpan<string> options)
{
    var runs = 1;
    string? folder = null;
    for (var i = 0; i < options.Length; i += 2)
    {
        if (i + 1 == options.Length)
            return Usage();
        if (options[i] == "--record")
            folder = options[i + 1];
        else if (options[i] != "--runs" || !int.TryParse(options[i + 1], out runs) || runs < 1)
            return Usage();
    }

    var failed = 0;
    var record = new HeadlineRecord();
    for (var run = 0; run < runs; run++)
    {
        foreach (var one in headlines)
        {
            if (MeasureInProcessOfItsOwn(one) is { } value)
                record.Add(one, value);
            else
                failed++;
            Console.WriteLine();
        }
    }
    if (folder is not null)
        Console.WriteLine($"recorded in {record.Write(folder)}");
    return failed == 0 ? 0 : 1;
}

// No warmed caches, pools or heaps of the headline before.
static double? MeasureInProcessOfItsOwn(IHeadline headline)
{
    var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
    if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
    start.ArgumentList.Add(headline.Name);
    using var process = Process.Start(start)!;
    double? value = null;
    while (process.StandardOutput.ReadLine() is { } line)
    {
        Console.WriteLine(line);
        if (line.Split(' ') is [var name, var number, ..] && name == headline.Name)
            value = double.Parse(number, CultureInfo.InvariantCulture);
    }
    process.WaitForExit();
    return process.ExitCode == 0 ? value : null;
}
