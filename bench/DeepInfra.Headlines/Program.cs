// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.Headlines;

IHeadline[] headlines = [];

if (args.Length != 1 || headlines.FirstOrDefault(h => h.Name == args[0]) is not { } headline)
{
    Console.Error.WriteLine("usage: DeepInfra.Headlines NAME, where NAME is one of:");
    foreach (var known in headlines)
        Console.Error.WriteLine($"  {known.Name} (goal {known.Goal} {known.Unit})");
    return 2;
}

var result = headline.Measure(Console.Out);
Console.WriteLine(
    string.Create(
        CultureInfo.InvariantCulture,
        $"{headline.Name} {result.Value:0.###} {headline.Unit} goal {headline.Goal}"
    )
);
return 0;
