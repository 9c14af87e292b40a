// SPDX-License-Identifier: MIT
// The test suites: how they are chosen, run and counted. Loaded by build.cake, whose helpers it uses.

var filter = Argument("filter", "");
var slow = HasArgument("slow");

const string OnSimulator = "Category=Sim";

// All suites, or of each managed one the tests that --filter chooses.
Task("Test")
    .IsDependentOn("Build")
    .Does(() =>
    {
        CleanDirectory(testResults);
        var suites = new List<Suite>();
        if (IsManagedOnly())
            Say("native tests are skipped (--managed)");
        else if (filter.Length > 0)
            BuildSimulator();
        else if (RunNativeSuite() is { } native)
            suites.Add(native);
        var hasSimulator = !IsManagedOnly() && FileExists(nativeTestLibraries.CombineWithFilePath("libdeepinfra_cudasim.so"));
        foreach (var project in GetFiles("./tests/*.Tests/*.csproj").OrderBy(p => p.FullPath, StringComparer.Ordinal))
        {
            var name = project.GetFilenameWithoutExtension().ToString();
            // Tests of devices run on the simulator, and the others of their project see a machine without devices.
            if (hasSimulator && DirectoryExists(project.GetDirectory().Combine("Cuda")))
            {
                suites.Add(RunSuite(name, "Category!=Sim"));
                suites.Add(RunSuite(name, OnSimulator));
            }
            else
                suites.Add(RunSuite(name));
        }
        suites.RemoveAll(s => filter.Length > 0 && s is { ExitCode: 0, Passed: 0, Skipped: 0 });

        var total = new { passed = suites.Sum(s => s.Passed), failed = suites.Sum(s => s.Failed), skipped = suites.Sum(s => s.Skipped) };
        var categories = suites
            .SelectMany(s => s.Categories)
            .GroupBy(c => c.Key)
            .ToDictionary(g => g.Key, g => new CategoryCount(g.Sum(c => c.Value.Executed), g.Sum(c => c.Value.Skipped)));
        System.IO.File.WriteAllText(
            artifacts.CombineWithFilePath("test-summary.json").FullPath,
            JsonSerializer.Serialize(new { suites, categories, total }, new JsonSerializerOptions { WriteIndented = true })
        );
        foreach (var suite in suites)
            Say($"{suite.Name}: {suite.Passed} passed, {suite.Failed} failed, {suite.Skipped} skipped in {suite.Seconds:0.0} s");
        foreach (var (category, count) in categories.OrderBy(c => c.Key, StringComparer.Ordinal))
            Say($"Category={category}: {count.Executed} executed, {count.Skipped} skipped");
        Say($"{total.passed} passed, {total.failed} failed, {total.skipped} skipped");
        // A suite may be skipped as a whole only if all of it is about devices, and there is no simulator or --filter chose what needs a GPU.
        bool MayBeSkipped(Suite s) => s.Skipped > 0 && s.Categories.GetValueOrDefault("Sim")?.Skipped == s.Skipped && (!hasSimulator || filter.Length > 0);
        bool IsBroken(Suite s) => s.Failed > 0 || s.ExitCode != 0 || (s.Passed == 0 && !MayBeSkipped(s));
        var broken = suites.Where(IsBroken).Select(s => s.Name).ToList();
        if (broken.Count > 0)
            throw new CakeException($"Tests failed, or none passed, in {string.Join(", ", broken)}.");
        if (suites.Count == 0)
            throw new CakeException($"No test is chosen by --filter={filter}.");
    });

// Runs the tests of a project that --filter, --slow and a choice of the caller's leave, and counts them. A test program uses the simulator
// by itself if its filter asks for the tests that run on it.
Suite RunSuite(string name, string choice = "", ProcessArgumentBuilder? more = null, DirectoryPath? folder = null)
{
    var program = artifacts.CombineWithFilePath($"bin/{name}/{configuration.ToLowerInvariant()}/{name}{(IsRunningOnWindows() ? ".exe" : "")}");
    var title = choice == OnSimulator ? $"{name} on the simulator" : name;
    var report = (folder ?? testResults).CombineWithFilePath($"{title.Replace(' ', '-')}.trx");
    var arguments = new ProcessArgumentBuilder()
        .Append($"--report-trx --report-trx-filename {report.GetFilename()} --results-directory")
        .AppendQuoted(report.GetDirectory().FullPath)
        .Append("--progress off --output Normal");
    var conditions = new[] { filter, choice, slow ? "" : "Category!=Slow" }.Where(c => c.Length > 0).ToList();
    if (conditions.Count > 0)
        arguments.Append("--filter").AppendQuoted(string.Join("&", conditions.Select(c => $"({c})")));
    more?.CopyTo(arguments);
    var clock = System.Diagnostics.Stopwatch.StartNew();
    var code = StartProcess(program, new ProcessSettings { Arguments = arguments, WorkingDirectory = root, EnvironmentVariables = TestEnvironment() });
    // Exit code 8 says that no test is left. Without --filter that is a mistake in the project, reported as broken.
    if (code == 8 && filter.Length > 0)
        code = 0;
    if (!FileExists(report))
        return new Suite(title, 0, 0, 0, clock.Elapsed.TotalSeconds, code == 0 ? 1 : code);
    var results = XDocument.Load(report.FullPath);
    var counters = Elements(results, "Counters").First();
    int Count(string attribute) => int.Parse(counters.Attribute(attribute)!.Value);
    var skipped = Count("total") - Count("executed");
    return new Suite(title, Count("passed"), Count("failed"), skipped, clock.Elapsed.TotalSeconds, code) { Categories = CountCategories(results) };
}

IEnumerable<XElement> Elements(XContainer report, string name) => report.Descendants().Where(e => e.Name.LocalName == name);

// How many tests of each trait "Category" ran, and how many were skipped.
SortedDictionary<string, CategoryCount> CountCategories(XDocument report)
{
    var executed = Elements(report, "UnitTestResult").ToLookup(r => (string)r.Attribute("testId")!, r => (string)r.Attribute("outcome")! != "NotExecuted");
    var counts = new SortedDictionary<string, CategoryCount>(StringComparer.Ordinal);
    foreach (var test in Elements(report, "UnitTest"))
        foreach (var category in Elements(test, "TestCategoryItem").Select(c => (string)c.Attribute("TestCategory")!).Distinct())
            foreach (var ran in executed[(string)test.Attribute("id")!])
            {
                var count = counts.GetValueOrDefault(category) ?? new CategoryCount(0, 0);
                counts[category] = ran ? count with { Executed = count.Executed + 1 } : count with { Skipped = count.Skipped + 1 };
            }
    return counts;
}

// Tests load the native libraries that this build made for them. With --managed a folder that is not there keeps them from looking for any.
Dictionary<string, string?> TestEnvironment() =>
    IsManagedOnly() ? new() { ["DEEPINFRA_NATIVE_PATH"] = nativeArtifacts.Combine("none").FullPath }
    : DirectoryExists(nativeTestLibraries) && EnvironmentVariable("DEEPINFRA_NATIVE_PATH") is null
        ? new() { ["DEEPINFRA_NATIVE_PATH"] = nativeTestLibraries.FullPath }
        : new();

record Suite(string Name, int Passed, int Failed, int Skipped, double Seconds, int ExitCode)
{
    public SortedDictionary<string, CategoryCount> Categories { get; init; } = [];
}

record CategoryCount(int Executed, int Skipped);
