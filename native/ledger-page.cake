// SPDX-License-Identifier: MIT
// The page of the ledger: docs/verification.md from the records in bench/results/verification, those of GPU bundles included. Loaded by
// build.cake, whose helpers it uses.

// One rung of the ladder that a kernel has climbed: what happened when, and of which sources.
record Rung(string Date, string Text, Dictionary<string, string> Sources);

// Writes the page; with --check it only reports.
Task("Docs").Does(() => WriteLedger(HasArgument("check")));

// What is recorded of sources that have changed since is shown as stale. That is no failure: records are renewed when there is time, or a
// GPU. A page that does not agree with the records is one.
void WriteLedger(bool check)
{
    var compiled = new Dictionary<string, (string Source, Rung Rung)>();
    var simulated = new Dictionary<string, (string Area, Rung Rung)>();
    var runs = new Dictionary<(string Area, string Check), Rung>();
    foreach (var file in GetFiles($"{verification}/*.json").OrderBy(f => f.FullPath, StringComparer.Ordinal))
    {
        using var document = JsonDocument.Parse(System.IO.File.ReadAllText(file.FullPath));
        var records = document.RootElement.ValueKind == JsonValueKind.Array ? document.RootElement.EnumerateArray().ToList() : [document.RootElement];
        foreach (var record in records)
        {
            string Text(string name) =>
                record.TryGetProperty(name, out var value) ? value.ToString() : throw new CakeException($"{file.GetFilename()}: a record has no {name}.");
            var sources = Sources(record);
            Rung Of(string text) => new(Text("date"), text, sources);
            switch (Text("check"))
            {
                case "compile":
                    foreach (var group in record.GetProperty("kernels").EnumerateArray().GroupBy(k => (Source: k.GetProperty("source").GetString()!, Name: k.GetProperty("name").GetString()!)))
                    {
                        var registers = group.Select(k => $"sm_{k.GetProperty("architecture").GetString()}: {k.GetProperty("registers").GetInt32()}");
                        var instructions = group.SelectMany(k => k.GetProperty("instructions").EnumerateObject().Select(i => i.Name)).Distinct().Order(StringComparer.Ordinal).ToList();
                        var seen = instructions.Count == 0 ? "" : $"; {string.Join(", ", instructions)}";
                        compiled[group.Key.Name] = (group.Key.Source, Of($"{Text("date")}, CUDA {Text("cuda")}; registers {string.Join(", ", registers)}{seen}"));
                    }
                    break;
                case "simulator":
                    foreach (var kernel in record.GetProperty("kernels").EnumerateArray())
                        simulated[kernel.GetProperty("name").GetString()!] = (Text("area"), Of($"{Text("date")}: {Text("result")}, {kernel.GetProperty("seeds").GetInt32()} seeds"));
                    break;
                case var name when Text("gpu") != "simulator":
                    var rung = Of($"{Text("date")}: {Text("result")}, {Text("gpu")}, driver {Text("driver")}, {Text("passed")} {(name == "benchmarks" ? "benchmark" : "test")}s");
                    if (!runs.TryGetValue((Text("area"), name), out var other) || string.CompareOrdinal(other.Date, rung.Date) <= 0)
                        runs[(Text("area"), name)] = rung;
                    break;
            }
        }
    }

    var now = SourceHashes(compiled.Values.Select(k => k.Source));
    var stale = new SortedSet<string>(StringComparer.Ordinal);
    // A variant that was only simulated belongs to the source of its siblings.
    string SourceOf(string name) =>
        compiled.TryGetValue(name, out var known) ? known.Source
        : compiled.FirstOrDefault(k => k.Key.Split('<')[0] == name.Split('<')[0]).Value.Source ?? $"{simulated[name].Area}/{name.Split('<')[0]}";
    string Cell(string source, string what, Rung? rung)
    {
        if (rung is null)
            return "";
        if (now.TryGetValue(source, out var hash) && rung.Sources.GetValueOrDefault(source) == hash)
            return rung.Text;
        stale.Add($"{source}: {what} of {rung.Date}");
        return $"stale: {rung.Text}";
    }
    var kernels = compiled.Keys.Union(simulated.Keys).Select(n => (Name: n, Source: SourceOf(n))).OrderBy(k => k.Source, StringComparer.Ordinal).ThenBy(k => k.Name, StringComparer.Ordinal).ToList();
    var lines = new List<string>
    {
        "# Verification",
        "",
        "What was really done with each kernel, and when. Written by `./build.sh docs` from the records in `bench/results/verification`; an empty cell",
        "means not yet. Compiled: no spills and no stack frames. Simulator: the kernel ran in the tests of its area under that many schedules without a",
        "report, with the checks for races, bounds and uninitialised memory. Sanitizer and hardware: the GPU bundle (`./build.sh gpu-bundle`) on the GPU",
        "named. A kernel that is compiled at run time has a row for each variant that was compiled or ran. Stale: the kernel's source, or a header that it",
        "includes, has changed since, in more than comments and layout.",
        "",
        "| Kernel | Source | Compiled | Simulator | compute-sanitizer | Hardware |",
        "| --- | --- | --- | --- | --- | --- |",
    };
    foreach (var (name, source) in kernels)
    {
        var area = source.Split('/')[0];
        string Run(string check) => Cell(source, check, runs.GetValueOrDefault((area, check)));
        var sanitizer = new[] { "memcheck", "racecheck", "synccheck", "initcheck" }.Select(t => (Tool: t, Text: Run($"sanitize-{t}"))).Where(t => t.Text.Length > 0).Select(t => $"{t.Tool} {t.Text}");
        var hardware = new[] { Run("test"), Run("benchmarks") }.Where(t => t.Length > 0);
        lines.Add(
            $"| `{name}` | {source} | {Cell(source, "compilation", compiled.GetValueOrDefault(name).Rung)} | {Cell(source, "simulator runs", simulated.GetValueOrDefault(name).Rung)} | {string.Join("; ", sanitizer)} | {string.Join("; ", hardware)} |"
        );
    }

    foreach (var rung in stale)
        Say($"docs: stale: {rung}");
    var page = root.CombineWithFilePath("docs/verification.md").FullPath;
    var text = string.Join("\n", lines) + "\n";
    if (!check)
        System.IO.File.WriteAllText(page, text);
    else if (System.IO.File.ReadAllText(page).ReplaceLineEndings("\n").Replace("stale: ", "") != text.Replace("stale: ", ""))
        throw new CakeException("docs/verification.md does not agree with bench/results/verification: run ./build.sh docs.");
    Say($"docs: {kernels.Count} kernels in docs/verification.md, {stale.Count} stale records");
}

// The hashes in a record; those of a GPU bundle are the bundle's. Records of bundles that are older than hashes have none.
Dictionary<string, string> Sources(JsonElement record)
{
    if (!record.TryGetProperty("sources", out var sources) && !(record.TryGetProperty("bundle", out var bundle) && bundle.TryGetProperty("sources", out sources)))
        return [];
    return sources.EnumerateObject().ToDictionary(s => s.Name, s => s.Value.GetString()!);
}
