// SPDX-License-Identifier: MIT
// Targets around native/: the CUDA libraries, their compile checks, and the native tests that need no nvcc. Loaded by
// build.cake, whose helpers it uses.
using Architecture = System.Runtime.InteropServices.Architecture;

var processor = System.Runtime.InteropServices.RuntimeInformation.OSArchitecture;
var nativeSource = root.Combine("native");
var nativeArtifacts = artifacts.Combine("native");
var nativeTestLibraries = nativeArtifacts.Combine("linux-x64/Release-nocuda");
var cpuLibrary = nativeArtifacts.CombineWithFilePath("linux-x64/Release-cpu/libdeepinfra_gemm_cpu.so");

// Nothing native is built, copied or loaded, what lies there from other builds included.
bool IsManagedOnly() => HasArgument("managed");

string? Capture(string tool, string arguments)
{
    try
    {
        var code = StartProcess(
            tool,
            new ProcessSettings { Arguments = arguments, RedirectStandardOutput = true, RedirectStandardError = true },
            out var lines
        );
        return code == 0 ? string.Join('\n', lines) : null;
    }
    catch (Exception)
    {
        return null;
    }
}

bool IsOnContinuousIntegration() => !string.IsNullOrEmpty(EnvironmentVariable("CI"));

// Whether a build without CUDA libraries is a failure.
bool IsCudaRequired() => EnvironmentVariable("DEEPINFRA_REQUIRE_CUDA") is not (null or "" or "0");

// One line where CUDA libraries are optional, an error where they are required.
void SkipCuda(string reason)
{
    if (IsCudaRequired())
        throw new CakeException($"CUDA libraries are required here, and cannot be built: {reason}. DEEPINFRA_REQUIRE_CUDA=0 makes them optional.");
    Console.WriteLine($"native: CUDA libraries are skipped: {reason}");
}

// Why this machine cannot build C++; null if it can.
string? MissingHostTools()
{
    if (!IsRunningOnLinux())
        return "native code is built on Linux only";
    if (processor is not (Architecture.X64 or Architecture.Arm64))
        return $"native code is for x86-64 and arm64, this processor is {processor}";
    foreach (var tool in new[] { "cmake", "ninja", "c++" })
        if (Capture(tool, "--version") is null)
            return $"{tool} is not on PATH, or does not run";
    var project = System.IO.File.ReadAllText(nativeSource.CombineWithFilePath("CMakeLists.txt").FullPath);
    var needed = Regex.Match(project, @"cmake_minimum_required\(VERSION ([0-9.]+)\)").Groups[1].Value;
    var found = Regex.Match(Capture("cmake", "--version")!, @"[0-9]+\.[0-9]+").Value;
    return Version.TryParse(found, out var version) && version >= Version.Parse(needed) ? null : $"CMake {needed} is needed, that on PATH is {found}";
}

// Configures and builds everything.
DirectoryPath Configure(string preset, params string[] options) => ConfigureFor("all", preset, options);

DirectoryPath ConfigureFor(string target, string preset, params string[] options)
{
    foreach (var step in BuildSteps(target, preset, options))
        RunQuietly("cmake", step, nativeSource);
    return BuildFolder(preset);
}

DirectoryPath BuildFolder(string preset) => nativeArtifacts.Combine($"build/{preset}");

// The arguments of cmake that configure a preset and build a target of it.
ProcessArgumentBuilder[] BuildSteps(string target, string preset, params string[] options)
{
    EnsureDirectoryExists(BuildFolder(preset));
    var configure = new ProcessArgumentBuilder().Append($"--preset {preset}");
    foreach (var option in options)
        configure.AppendQuoted(option);
    return [configure, new ProcessArgumentBuilder().Append("--build").AppendQuoted(BuildFolder(preset).FullPath).Append($"--target {target}")];
}

// Shows the output of a tool only if it fails.
void RunQuietly(string tool, ProcessArgumentBuilder arguments, DirectoryPath directory)
{
    var (code, lines) = RunCaptured(tool, arguments, directory);
    if (code == 0)
        return;
    foreach (var line in lines)
        Error(line);
    throw new CakeException(code, $"{tool} {arguments.RenderSafe()} ended with exit code {code}");
}

(int Code, List<string> Lines) RunCaptured(string tool, ProcessArgumentBuilder arguments, DirectoryPath directory)
{
    var code = StartProcess(
        tool,
        new ProcessSettings { Arguments = arguments, WorkingDirectory = directory, RedirectStandardOutput = true, RedirectStandardError = true },
        out var output,
        out var errors
    );
    return (code, output.Concat(errors).ToList());
}

// All native libraries: those with CUDA kernels, that of CPU kernels, and those of the simulator.
Task("Native")
    .IsDependentOn("CudaLibraries")
    .IsDependentOn("CpuLibrary")
    .Does(() =>
    {
        BuildSimulator();
        // What a package promises; a program of this machine does not need it.
        if (FileExists(cpuLibrary))
            RunQuietly(
                "ctest",
                new ProcessArgumentBuilder().Append("--output-on-failure -R ^gemm_cpu\\.elf$ --test-dir").AppendQuoted(BuildFolder("linux-x64-nocuda").FullPath),
                nativeSource
            );
    });

// The library of the CPU backend's native kernels, which programs of the checkout get with DeepInfra.Gemm. A C++ compiler is all it takes;
// where it cannot be built, the managed kernels do its work. DEEPINFRA_REQUIRE_CUDA=1 requires it, too, where packages have it.
Task("CpuLibrary")
    .WithCriteria(() => !IsManagedOnly())
    .Does(() =>
    {
        if (!IsRunningOnLinux() || processor != Architecture.X64)
            Skip("its kernels are for Linux on x86-64", isError: false);
        else if (MissingHostTools() is { } missing)
            Skip(missing, IsCudaRequired());
        else
            Build();

        void Build()
        {
            var log = nativeArtifacts.CombineWithFilePath("cpu-library.log");
            foreach (var step in BuildSteps("deepinfra_gemm_cpu", "linux-x64-nocuda"))
            {
                var (code, lines) = RunCaptured("cmake", step, nativeSource);
                System.IO.File.WriteAllLines(log.FullPath, lines);
                if (code == 0)
                    continue;
                if (IsCudaRequired())
                    lines.ForEach(line => Error(line));
                Skip($"cmake {step.RenderSafe()} ended with exit code {code}, see {root.GetRelativePath(log)}", IsCudaRequired());
                return;
            }
        }

        // One of an earlier build would be taken for that of these sources. Programs lose their copy when they are built.
        void Skip(string reason, bool isError)
        {
            if (FileExists(cpuLibrary))
                DeleteFile(cpuLibrary);
            if (isError)
                throw new CakeException($"The library of CPU kernels is required here, and cannot be built: {reason}. DEEPINFRA_REQUIRE_CUDA=0 makes it optional.");
            Console.WriteLine($"native: the library of CPU kernels is skipped: {reason}");
        }
    });

// The CUDA libraries and what the compiler says about their kernels. Fetches a toolkit if the machine has none.
Task("CudaLibraries")
    .Does(() =>
    {
        if (HasArgument("no-cuda"))
        {
            Console.WriteLine("native: CUDA libraries are skipped (--no-cuda)");
            return;
        }
        if (MissingHostTools() is { } missing)
        {
            SkipCuda(missing);
            return;
        }
        var fetch = StartProcess(
            nativeSource.CombineWithFilePath("cmake/cuda-toolkit.sh"),
            new ProcessSettings { Arguments = "fetch", RedirectStandardOutput = true },
            out var toolkit
        );
        if (fetch == 3)
        {
            SkipCuda("there is no toolkit, see the line above");
            return;
        }
        if (fetch != 0)
            throw new CakeException(fetch, $"cuda-toolkit.sh ended with exit code {fetch}");
        Console.WriteLine($"native: CUDA toolkit in {string.Join("", toolkit)}");
        var build = Configure(
            "linux-x64-release",
            "-DDEEPINFRA_BUILD_CUDA=ON",
            "-DBUILD_TESTING=OFF",
            "-DDEEPINFRA_CUDA_ARCHS=" + Argument("cuda-arch", "")
        );
        RunQuietly("ctest", new ProcessArgumentBuilder().Append("--output-on-failure -R \\.(elf|sass)$ --test-dir").AppendQuoted(build.FullPath), nativeSource);
        CheckKernels(build);
        foreach (var library in GetFiles($"{nativeArtifacts}/linux-x64/Release/*.so"))
            Console.WriteLine($"native: {library.GetFilename()} {new FileInfo(library.FullPath).Length / 1024} KiB");
    });

// The simulator and libraries whose kernels run on it: what DEEPINFRA_CUDA=sim needs. No nvcc.
Task("Simulator")
    .Does(() =>
    {
        if (MissingHostTools() is { } missing)
            throw new CakeException($"the simulator cannot be built: {missing}");
        BuildSimulator();
        Console.WriteLine($"simulator: DEEPINFRA_CUDA=sim DEEPINFRA_NATIVE_PATH={nativeTestLibraries}");
    });

// Where this machine cannot, whoever needs the simulator says that it is missing.
void BuildSimulator()
{
    if (MissingHostTools() is null)
        ConfigureFor("deepinfra_simulation", "linux-x64-nocuda");
}

// Registers, spills and stack frames of every kernel as ptxas reported them, and how often it has the instructions that matter. Spills,
// stack frames and serialised wgmma fail the build.
void CheckKernels(DirectoryPath build)
{
    var entry = new Regex(@"Compiling entry function '(?<name>\S+)' for 'sm_(?<arch>\w+)'");
    var frame = new Regex(@"(?<stack>\d+) bytes stack frame, (?<stores>\d+) bytes spill stores, (?<loads>\d+) bytes spill loads");
    var used = new Regex(@"Used (?<registers>\d+) registers(.*?, (?<shared>\d+) bytes smem)?");
    var kernels = new List<KernelCheck>();
    var problems = new List<string>();
    foreach (var log in GetFiles($"{build}/*/images/*.log").OrderBy(f => f.FullPath, StringComparer.Ordinal))
    {
        var source = $"{log.GetDirectory().GetParent().GetDirectoryName()}/{log.GetFilenameWithoutExtension()}";
        KernelCheck? current = null;
        foreach (var line in System.IO.File.ReadLines(log.FullPath))
        {
            if (entry.Match(line) is { Success: true } e)
                kernels.Add(current = new KernelCheck(source, e.Groups["name"].Value, e.Groups["arch"].Value));
            else if (frame.Match(line) is { Success: true } f && current is not null)
                (current.StackBytes, current.SpillStoreBytes, current.SpillLoadBytes) =
                    (int.Parse(f.Groups["stack"].Value), int.Parse(f.Groups["stores"].Value), int.Parse(f.Groups["loads"].Value));
            else if (used.Match(line) is { Success: true } u && current is not null)
                current.Registers = int.Parse(u.Groups["registers"].Value);
            else if (line.Contains("Potential Performance Loss"))
                problems.Add($"{source}: {line.Trim()}");
        }
        foreach (var line in System.IO.File.ReadLines(log.ChangeExtension("sass").FullPath))
        {
            var parts = line.Split(' ');
            kernels.FirstOrDefault(k => k.Source == source && k.Architecture == parts[0] && k.Name == parts[1])?.Instructions.Add(parts[2], int.Parse(parts[3]));
        }
    }
    foreach (var kernel in kernels)
    {
        if (kernel.Registers == 0)
            problems.Add($"{kernel.Source}: ptxas reports no registers for {kernel.Name} (sm_{kernel.Architecture})");
        if (kernel.SpillStoreBytes + kernel.SpillLoadBytes > 0)
            problems.Add($"{kernel.Source}: {kernel.Name} (sm_{kernel.Architecture}) spills {kernel.SpillStoreBytes} bytes");
        if (kernel.StackBytes > 0)
            problems.Add($"{kernel.Source}: {kernel.Name} (sm_{kernel.Architecture}) has a stack frame of {kernel.StackBytes} bytes");
    }
    if (kernels.Count == 0)
        problems.Add("the compiler's log names no kernel");
    System.IO.File.WriteAllText(
        nativeArtifacts.CombineWithFilePath("compile-check.json").FullPath,
        JsonSerializer.Serialize(
            new { kernels, problems },
            new JsonSerializerOptions { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase }
        )
    );
    foreach (var problem in problems)
        Error(problem);
    if (problems.Count > 0)
        throw new CakeException($"{problems.Count} problems in compiled kernels");
    if (HasArgument("record"))
    {
        var info = System.IO.File.ReadAllText(build.CombineWithFilePath("core/generated/deepinfra_core/build_info.h").FullPath);
        var version = Regex.Match(info, @"cuda\W+(?<version>[0-9.]+)").Groups["version"].Value;
        // The kernels of native/tests only show that each instruction can be assembled.
        foreach (var area in kernels.GroupBy(k => k.Source.Split('/')[0]).Where(a => a.Key != "tests"))
            RecordCompilation(area.Key, version, area);
    }
    Console.WriteLine($"native: {kernels.Count} kernels, at most {kernels.Max(k => k.Registers)} registers, no spills");
}

// Host code and simulator with the host compiler, and their tests; null where this machine cannot build them.
Suite? RunNativeSuite()
{
    if (MissingHostTools() is { } missing)
    {
        if (IsOnContinuousIntegration() && IsRunningOnLinux())
            throw new CakeException($"native tests need a C++ compiler: {missing}");
        Console.WriteLine($"native tests are skipped: {missing}");
        return null;
    }
    var build = Configure("linux-x64-nocuda");
    if (System.IO.File.ReadLines(build.CombineWithFilePath("CMakeCache.txt").FullPath).Any(l => l.StartsWith("GTest_DIR:") && l.EndsWith("-NOTFOUND")))
    {
        if (IsOnContinuousIntegration())
            throw new CakeException("native unit tests need GoogleTest (libgtest-dev)");
        Console.WriteLine("native unit tests are skipped: GoogleTest is not installed (libgtest-dev)");
    }
    var report = testResults.CombineWithFilePath("native.xml");
    var clock = System.Diagnostics.Stopwatch.StartNew();
    var arguments = new ProcessArgumentBuilder().Append("-j 2 --output-on-failure --output-junit").AppendQuoted(report.FullPath);
    if (!slow)
        arguments.Append("-LE slow");
    arguments.Append("--test-dir").AppendQuoted(build.FullPath);
    var rows = nativeArtifacts.CombineWithFilePath("planted-bugs.rows");
    if (FileExists(rows))
        DeleteFile(rows);
    var code = StartProcess(
        "ctest",
        new ProcessSettings
        {
            Arguments = arguments,
            WorkingDirectory = nativeSource,
            RedirectStandardOutput = true,
            EnvironmentVariables = new Dictionary<string, string?> { ["DEEPINFRA_SIM_BUG_TABLE"] = rows.FullPath },
        },
        out var output
    );
    if (FileExists(rows))
        WritePlantedBugs(rows);
    if (code != 0)
        foreach (var line in output)
            Error(line);
    if (!System.IO.File.Exists(report.FullPath))
        return new Suite("native", 0, 0, 0, clock.Elapsed.TotalSeconds, code == 0 ? 1 : code);
    var tests = XDocument.Load(report.FullPath).Descendants("testcase").Select(t => t.Attribute("status")?.Value).ToList();
    var passed = tests.Count(s => s == "run");
    var failed = tests.Count(s => s == "fail");
    return new Suite("native", passed, failed, tests.Count - passed - failed, clock.Elapsed.TotalSeconds, code);
}

// The table of bugs that the simulator's tests plant, from the rows that they wrote.
void WritePlantedBugs(FilePath rows)
{
    var lines = new List<string>
    {
        "# Planted bugs",
        "",
        "Written by `./build.sh test`. Each bug is planted in a kernel that is right without it, and run under 20 schedules: how many of them the",
        "simulator's checks, or for what no check can know the comparison with the expected result, found it on, and as what.",
        "",
        "| Bug | Found on | As |",
        "| --- | --- | --- |",
    };
    lines.AddRange(System.IO.File.ReadAllLines(rows.FullPath).OrderBy(l => l, StringComparer.Ordinal));
    System.IO.File.WriteAllText(artifacts.CombineWithFilePath("sim-planted-bugs.md").FullPath, string.Join("\n", lines) + "\n");
}

// The device tests on this machine's GPU; a skipped test counts as a failure.
Task("TestGpu")
    .IsDependentOn("CudaLibraries")
    .IsDependentOn("CpuLibrary")
    .Does(() =>
    {
        foreach (var (project, arguments) in KernelTests().Values)
        {
            var name = project.GetFilenameWithoutExtension();
            BuildProject(project);
            Run(
                artifacts.CombineWithFilePath($"bin/{name}/{configuration.ToLowerInvariant()}/{name}").FullPath,
                new ProcessArgumentBuilder().Append("--output Normal").Append(arguments),
                root,
                new Dictionary<string, string?>
                {
                    ["DEEPINFRA_REQUIRE_GPU"] = "1",
                    ["DEEPINFRA_NATIVE_PATH"] = nativeArtifacts.Combine("linux-x64/Release").FullPath,
                }
            );
        }
    });

// One archive with the GPU tests and benchmarks, the .NET runtime and the native libraries, for a host that has only a GPU.
Task("GpuBundle")
    .IsDependentOn("CudaLibraries")
    .IsDependentOn("CpuLibrary")
    .Does(() =>
    {
        const long Budget = 60 * 1024 * 1024;
        var library = nativeArtifacts.CombineWithFilePath("linux-x64/Release/libdeepinfra_core.so");
        if (!FileExists(library))
        {
            Console.WriteLine("gpu-bundle: skipped, there are no CUDA libraries");
            return;
        }
        var stage = artifacts.Combine("gpu-bundle/deepinfra-gpu");
        CleanDirectory(artifacts.Combine("gpu-bundle"));
        var areas = KernelTests();
        foreach (var project in areas.Values.Select(a => a.Project.GetDirectory()).Append(root.Combine("bench/DeepInfra.Bench.Gpu")))
            Run(
                "dotnet",
                new ProcessArgumentBuilder()
                    .Append("publish")
                    .AppendQuoted(project.FullPath)
                    .Append($"-c {configuration} -r linux-x64 --self-contained --nologo -v quiet -p:DebugType=none -o")
                    .AppendQuoted(stage.Combine("app").FullPath),
                environment: SdkEnvironment()
            );
        EnsureDirectoryExists(stage.Combine("native"));
        CopyFiles($"{nativeArtifacts}/linux-x64/Release/*.so", stage.Combine("native"));
        CopyFile(root.CombineWithFilePath("bench/DeepInfra.Bench.Gpu/bundle/run.sh"), stage.CombineWithFilePath("run.sh"));
        CopyFile(root.CombineWithFilePath("LICENSE"), stage.CombineWithFilePath("LICENSE"));
        Run("chmod", new ProcessArgumentBuilder().Append("+x").AppendQuoted(stage.CombineWithFilePath("run.sh").FullPath));
        System.IO.File.WriteAllLines(
            stage.CombineWithFilePath("areas").FullPath,
            areas.OrderBy(a => a.Key, StringComparer.Ordinal).Select(a => $"{a.Key} {a.Value.Project.GetFilenameWithoutExtension()} {a.Value.Arguments}".TrimEnd())
        );
        var commit = Capture("git", "rev-parse HEAD")?.Trim() ?? "unknown";
        var isClean = Capture("git", "status --porcelain --untracked-files=no")?.Trim().Length == 0;
        System.IO.File.WriteAllText(
            stage.CombineWithFilePath("bundle.json").FullPath,
            JsonSerializer.Serialize(new { commit, isClean, sources = SourceHashes(areas.Keys.SelectMany(CompiledKernels).Select(k => k.Source)) }) + "\n"
        );
        var archive = artifacts.CombineWithFilePath("gpu-bundle.tar.gz");
        Run(
            "tar",
            new ProcessArgumentBuilder()
                .Append("--sort=name --owner=0 --group=0 --numeric-owner -C")
                .AppendQuoted(stage.Combine("..").Collapse().FullPath)
                .Append("-I \"gzip -9n\" -cf")
                .AppendQuoted(archive.FullPath)
                .Append("deepinfra-gpu")
        );
        var size = new FileInfo(archive.FullPath).Length;
        Console.WriteLine($"gpu-bundle: {archive.FullPath}, {size / 1024} KiB");
        if (size > Budget)
            throw new CakeException($"The bundle has {size} bytes, more than {Budget}.");
    });

// Generates the managed bindings from the C headers; with --check it only reports.
Task("Bindings").Does(() => RunBindings(HasArgument("check")));

void RunBindings(bool check)
{
    var project = root.CombineWithFilePath("tools/DeepInfra.BindingsGenerator/DeepInfra.BindingsGenerator.csproj");
    BuildProject(project);
    var program = artifacts.CombineWithFilePath(
        $"bin/DeepInfra.BindingsGenerator/{configuration.ToLowerInvariant()}/DeepInfra.BindingsGenerator.dll"
    );
    Run("dotnet", new ProcessArgumentBuilder().AppendQuoted(program.FullPath).AppendQuoted(root.FullPath).Append(check ? "--check" : ""));
}

// Lays out C, C++ and CUDA sources; only where clang-format 14 is installed, as other versions differ.
void FormatNative(bool check)
{
    if (Capture("clang-format-14", "--version") is null)
    {
        Console.WriteLine("format: native sources are skipped, clang-format-14 is not on PATH");
        return;
    }
    var files = new[] { "h", "c", "cpp", "cu", "cuh" }.SelectMany(e => GetFiles($"{nativeSource}/**/*.{e}")).OrderBy(f => f.FullPath, StringComparer.Ordinal);
    var arguments = new ProcessArgumentBuilder().Append(check ? "--dry-run -Werror" : "-i");
    foreach (var file in files)
        arguments.AppendQuoted(file.FullPath);
    Run("clang-format-14", arguments);
}

record KernelCheck(string Source, string Name, string Architecture)
{
    public int Registers { get; set; }
    public int StackBytes { get; set; }
    public int SpillStoreBytes { get; set; }
    public int SpillLoadBytes { get; set; }
    public SortedDictionary<string, int> Instructions { get; } = new(StringComparer.Ordinal);
}
