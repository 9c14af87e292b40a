// SPDX-License-Identifier: MIT
// Which lines of src/ the tests reach, and how many they must. Loaded by build.cake, whose helpers it uses.

var coverageResults = artifacts.Combine("coverage");

// Limits in percent by the start of a path; each counts all files below it. Numbers, schedules and codecs are
// what everything else is computed with, and they have no excuse: no devices, no races, no disks.
var coverageLimits = new (string Prefix, double Percent)[]
{
    ("src/DeepInfra.Core/Numerics/", 95),
    ("src/DeepInfra.Core/Quantization/", 95),
    ("src/DeepInfra.DualPipe/Schedules/", 95),
    ("src/DeepInfra.Fs/Wire/", 95),
    ("src/", 85),
};

// Runs the managed suites under the collector and holds the lines they reach against the limits.
Task("Coverage")
    .IsDependentOn("Build")
    .Does(() =>
    {
        CleanDirectory(coverageResults);
        foreach (var project in GetFiles("./tests/*.Tests/*.csproj").OrderBy(p => p.FullPath, StringComparer.Ordinal))
        {
            var name = project.GetFilenameWithoutExtension().ToString();
            var suite = RunSuite(
                name,
                more: new ProcessArgumentBuilder()
                    .Append($"--coverage --coverage-output-format cobertura --coverage-output {name}.cobertura.xml --coverage-settings")
                    .AppendQuoted(root.CombineWithFilePath("tests/coverage.settings.xml").FullPath),
                folder: coverageResults
            );
            if (suite.Failed > 0 || suite.ExitCode != 0)
                throw new CakeException($"{name} failed under the collector of coverage.");
        }

        Run(
            "dotnet",
            new ProcessArgumentBuilder()
                .Append("reportgenerator")
                .AppendQuoted($"-reports:{coverageResults.CombineWithFilePath("*.cobertura.xml")}")
                .AppendQuoted($"-targetdir:{coverageResults.Combine("report")}")
                .Append("-reporttypes:Html -verbosity:Warning")
        );
        CheckCoverage();
    });

void CheckCoverage()
{
    // A line counts as reached if any suite reaches it.
    var reached = new Dictionary<(string File, int Line), bool>();
    foreach (var report in GetFiles($"{coverageResults}/*.cobertura.xml"))
        foreach (var type in XDocument.Load(report.FullPath).Descendants("class"))
        {
            var file = root.GetRelativePath(new FilePath((string)type.Attribute("filename")!)).FullPath;
            if (!file.StartsWith("src/"))
                continue;
            foreach (var line in type.Element("lines")!.Elements("line"))
            {
                var key = (file, (int)line.Attribute("number")!);
                reached[key] = reached.GetValueOrDefault(key) || (long)line.Attribute("hits")! > 0;
            }
        }

    var files = reached
        .GroupBy(l => l.Key.File)
        .Select(g => (Path: g.Key, Reached: g.Count(l => l.Value), Lines: g.Count()))
        .ToList();
    if (files.Count == 0)
        throw new CakeException("The collector of coverage has seen no line of src/.");

    // Packages are shown, limits decide.
    foreach (var package in files.GroupBy(f => string.Join('/', f.Path.Split('/').Take(2))).OrderBy(g => g.Key, StringComparer.Ordinal))
        Say($"{package.Key}: {Percent(package):0.0} % of {package.Sum(f => f.Lines)} lines");
    var missed = new List<string>();
    foreach (var limit in coverageLimits)
    {
        var percent = Percent(files.Where(f => f.Path.StartsWith(limit.Prefix)));
        Say($"{limit.Prefix}: {percent:0.0} %, at least {limit.Percent:0} %");
        if (!(percent >= limit.Percent))
            missed.Add(limit.Prefix);
    }
    if (missed.Count > 0)
        throw new CakeException($"Tests reach too few lines of {string.Join(", ", missed)}; artifacts/coverage/report shows which they miss.");

    static double Percent(IEnumerable<(string Path, int Reached, int Lines)> of) => 100.0 * of.Sum(f => f.Reached) / of.Sum(f => f.Lines);
}
