// SPDX-License-Identifier: MIT
// The records of the ledger in bench/results/verification, and the targets that write them. Each names the hash of the sources that it
// is about. Loaded by build.cake, whose helpers it uses.

var verification = root.Combine("bench/results/verification");

void Record(string name, object record)
{
    EnsureDirectoryExists(verification);
    System.IO.File.WriteAllText(
        verification.CombineWithFilePath(name).FullPath,
        JsonSerializer.Serialize(
            record,
            new JsonSerializerOptions
            {
                WriteIndented = true,
                PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
                // Template arguments stay legible.
                Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            }
        ) + "\n"
    );
}

void RecordCompilation(string area, string cuda, IEnumerable<KernelCheck> kernels)
{
    var checks = kernels.ToList();
    var names = ReadableNames(checks.Select(k => k.Name));
    Record(
        $"{area}-compile.json",
        new
        {
            area,
            check = "compile",
            date = $"{DateTime.UtcNow:yyyy-MM-dd}",
            cuda,
            sources = SourceHashes(checks.Select(k => k.Source)),
            kernels = checks
                .Select(k => new
                {
                    k.Source,
                    name = names[k.Name],
                    symbol = k.Name,
                    k.Architecture,
                    k.Registers,
                    k.StackBytes,
                    k.SpillStoreBytes,
                    k.SpillLoadBytes,
                    k.Instructions,
                })
                .OrderBy(k => k.Source, StringComparer.Ordinal)
                .ThenBy(k => k.name, StringComparer.Ordinal)
                .ThenBy(k => k.Architecture, StringComparer.Ordinal),
        }
    );
}

// --- names of kernels ---

// "sm90_bf16_gemm<block_n=128, major_a=true, major_b=false>" from a mangled symbol, or from the expression that a source has for it.
Dictionary<string, string> ReadableNames(IEnumerable<string> names)
{
    var (parameters, enums) = ReadTemplates();
    var all = names.Distinct().ToList();
    var symbols = all.Where(n => n.StartsWith("_Z")).ToList();
    var demangled = new Dictionary<string, string>();
    if (symbols.Count > 0)
    {
        var lines = Capture("c++filt", string.Join(' ', symbols))?.Split('\n') ?? [];
        if (lines.Length == symbols.Count)
            demangled = symbols.Zip(lines).ToDictionary(p => p.First, p => p.Second);
        else
            Warning("c++filt is missing: kernels keep their mangled names");
    }
    return all.ToDictionary(n => n, n => n.StartsWith("_Z") && !demangled.ContainsKey(n) ? n : Readable(demangled.GetValueOrDefault(n, n), parameters, enums));
}

// Template parameters of configurations and values of enumerations, as the kernel sources declare them.
(Dictionary<string, string[]> Parameters, Dictionary<string, string[]> Enums) ReadTemplates()
{
    var parameters = new Dictionary<string, string[]>();
    var enums = new Dictionary<string, string[]>();
    foreach (var file in GetFiles($"{nativeSource}/**/*.cuh").OrderBy(f => f.FullPath, StringComparer.Ordinal))
    {
        var text = System.IO.File.ReadAllText(file.FullPath);
        foreach (Match m in Regex.Matches(text, @"template\s*<(?<list>[^<>{};]*)>\s*(?:struct|(?:static\s+)?__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s*)?)\s*(?<name>\w+)"))
            parameters[m.Groups["name"].Value] = m.Groups["list"].Value.Split(',').Select(p => Regex.Match(p.Split('=')[0], @"(\w+)\s*$").Groups[1].Value).ToArray();
        foreach (Match m in Regex.Matches(text, @"enum class (?<name>\w+)[^{]*\{(?<list>[^}]*)\}"))
            enums[m.Groups["name"].Value] = m.Groups["list"].Value.Split(',').Select(v => v.Split('=')[0].Trim()).ToArray();
    }
    return (parameters, enums);
}

string Readable(string name, Dictionary<string, string[]> parameters, Dictionary<string, string[]> enums)
{
    // Result type, namespaces and the list of parameters do not tell kernels apart.
    name = Regex.Replace(name, @"^void\s+", "");
    var depth = 0;
    for (var i = 0; i < name.Length; i++)
    {
        if (name[i] == '(' && depth == 0)
        {
            name = name[..i];
            break;
        }
        depth += name[i] switch { '<' or '(' => 1, '>' or ')' => -1, _ => 0 };
    }
    name = Regex.Replace(name, @"\((?:\w+::)*(?<type>\w+)\)(?<index>\d+)", m =>
        enums.TryGetValue(m.Groups["type"].Value, out var values) && int.Parse(m.Groups["index"].Value) is var index && index < values.Length ? values[index] : m.Value);
    name = Regex.Replace(name, @"(?:\w+)?::", "").Replace(" >", ">").Trim();
    var match = Regex.Match(name, @"^(?<kernel>\w+)<(?:(?<config>\w+)<(?<arguments>[^<>]*)>|(?<arguments>[^<>]*))>$");
    if (!match.Success)
        return name;
    var kernel = match.Groups["kernel"].Value;
    var declared = parameters.GetValueOrDefault(match.Groups["config"].Success ? match.Groups["config"].Value : kernel, []);
    var arguments = match.Groups["arguments"].Value.Split(',').Select(a => a.Trim()).ToArray();
    if (declared.Length < arguments.Length)
        return name;
    return $"{kernel}<{string.Join(", ", arguments.Zip(declared, (a, p) => $"{Snake(p)}={Regex.Replace(a, @"^k(?=[A-Z])", "")}"))}>";
}

// kBlockN_ as block_n.
string Snake(string parameter) =>
    Regex.Replace(Regex.Replace(parameter.TrimEnd('_'), @"^k(?=[A-Z])", ""), @"(?<=[a-z0-9])(?=[A-Z])", "_").ToLowerInvariant();

// --- the simulator ---

// The managed tests of kernels by area, and the arguments that choose them. Core's are a project of their own; other areas have a
// folder of them. Left out: the tests that start the others in a process on the simulator.
SortedDictionary<string, (FilePath Project, string Arguments)> KernelTests()
{
    var tests = new SortedDictionary<string, (FilePath Project, string Arguments)>(StringComparer.Ordinal)
    {
        ["core"] = (root.CombineWithFilePath("tests/DeepInfra.Cuda.Tests/DeepInfra.Cuda.Tests.csproj"), ""),
    };
    foreach (var folder in GetDirectories("./tests/*.Tests/Cuda"))
    {
        var project = folder.Combine("..").Collapse();
        var name = project.GetDirectoryName();
        tests.TryAdd(name.Split('.')[1].ToLowerInvariant(), (project.CombineWithFilePath($"{name}.csproj"), "--filter-trait Category=Sim --filter-not-class *.SimulatorProcessTests"));
    }
    return tests;
}

// Runs the kernel tests of every area on the simulator under many schedules, and records which kernels ran without a report:
// --seeds=20, --area=gemm for one of them.
Task("VerifySimulator")
    .Does(() =>
    {
        if (MissingHostTools() is { } missing)
            throw new CakeException($"the simulator needs a C++ compiler: {missing}");
        var build = Configure("linux-x64-nocuda");
        var seeds = Argument("seeds", 20);
        var managed = KernelTests();
        var native = GetFiles($"{build}/*/deepinfra_*_kernel_tests").ToDictionary(f => f.GetDirectory().GetDirectoryName(), f => f);
        var only = Argument("area", "");
        var areas = managed.Keys.Concat(native.Keys).Distinct().Where(a => only is "" || a == only).Order(StringComparer.Ordinal).ToList();
        if (areas.Count == 0)
            throw new CakeException($"no area {only} has kernel tests");

        var work = artifacts.Combine("verify-simulator");
        CleanDirectory(work);
        foreach (var area in areas)
        {
            // Per kernel, the schedules under which it ran: those of one native program, and one for each run of the managed tests.
            var schedules = new SortedDictionary<string, int>(StringComparer.Ordinal);
            void Count(IEnumerable<string> kernels, Func<string, int> of)
            {
                foreach (var kernel in kernels)
                    schedules[kernel] = Math.Max(schedules.GetValueOrDefault(kernel), of(kernel));
            }
            // As they are now: whoever edits a kernel while this runs has a record of what was before.
            var compiled = CompiledKernels(area);
            var sources = SourceHashes(compiled.Select(k => k.Source));
            if (native.TryGetValue(area, out var program))
            {
                var launches = RunOnSimulator(program, "--gtest_brief=1", work.CombineWithFilePath($"{area}-native.txt"), work, 1).ToLookup(l => l.Kernel, l => l.Seed);
                Count(launches.Select(g => g.Key), k => launches[k].Count());
            }
            if (managed.TryGetValue(area, out var tests))
            {
                BuildProject(tests.Project);
                var name = tests.Project.GetFilenameWithoutExtension().ToString();
                var executable = artifacts.CombineWithFilePath($"bin/{name}/{configuration.ToLowerInvariant()}/{name}");
                var runs = new Dictionary<string, int>();
                for (var seed = 1; seed <= seeds; seed++)
                    foreach (var kernel in RunOnSimulator(executable, $"--output Normal --progress off --filter-not-trait Category=Slow {tests.Arguments}", work.CombineWithFilePath($"{area}-{seed}.txt"), work, seed).Select(l => l.Kernel).Distinct())
                        runs[kernel] = runs.GetValueOrDefault(kernel) + 1;
                Count(runs.Keys, k => runs[k]);
            }
            var names = ReadableNames(schedules.Keys);
            // Tests launch kernels of their own, too, which are not compiled for the area.
            var own = compiled.Select(k => k.Name.Split('<')[0]).ToHashSet(StringComparer.Ordinal);
            var kernels = schedules.GroupBy(s => names[s.Key]).Where(g => own.Contains(g.Key.Split('<')[0])).Select(g => new { name = g.Key, seeds = g.Max(s => s.Value) }).OrderBy(k => k.name, StringComparer.Ordinal).ToList();
            Record($"{area}-simulator.json", new { area, check = "simulator", result = "passed", date = $"{DateTime.UtcNow:yyyy-MM-dd}", sources, kernels });
            Say($"verify-simulator: {area}: {kernels.Count} kernels, at least {kernels.Min(k => k.seeds)} seeds each");
        }
    });

// The kernels of an area by the record of their compilation.
List<(string Name, string Source)> CompiledKernels(string area)
{
    var record = verification.CombineWithFilePath($"{area}-compile.json");
    if (!FileExists(record))
        throw new CakeException($"no kernels of the area {area} were ever compiled: {root.GetRelativePath(record)} is missing. ./build.sh native writes it where a CUDA compiler is found.");
    using var document = JsonDocument.Parse(System.IO.File.ReadAllText(record.FullPath));
    return document.RootElement.GetProperty("kernels").EnumerateArray().Select(k => (k.GetProperty("name").GetString()!, k.GetProperty("source").GetString()!)).ToList();
}

// The kernels that a test program launched. A failed or skipped test is an error: what did not run was not verified.
List<(string Seed, string Kernel)> RunOnSimulator(FilePath program, string arguments, FilePath log, DirectoryPath work, int seed)
{
    var environment = new Dictionary<string, string?>(TestEnvironment())
    {
        ["DEEPINFRA_CUDA"] = "sim",
        ["DEEPINFRA_CUDASIM_SEED"] = $"{seed}",
        ["DEEPINFRA_CUDASIM_LAUNCHES"] = log.FullPath,
        // Kernels of this build only.
        ["DEEPINFRA_CACHE_DIR"] = work.Combine("cache").FullPath,
    };
    var code = StartProcess(
        program,
        new ProcessSettings { Arguments = arguments, RedirectStandardOutput = true, EnvironmentVariables = environment },
        out var output
    );
    var lines = output.ToList();
    var skipped = lines.Any(l => Regex.IsMatch(l, @"^\s+skipped: [1-9]|\[  SKIPPED \]"));
    if (code != 0 || skipped || !FileExists(log))
    {
        foreach (var line in lines)
            Error(line);
        throw new CakeException($"{program.GetFilename()} on the simulator with seed {seed}: {(code != 0 ? $"exit code {code}" : skipped ? "tests were skipped" : "no kernel was launched")}.");
    }
    return System.IO.File.ReadLines(log.FullPath).Select(l => l.Split('\t', 2)).Select(p => (p[0], p[1])).ToList();
}
