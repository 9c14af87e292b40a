// SPDX-License-Identifier: MIT
// Every step of the build as a target; ./build.sh passes them on. What a project file can state stays there.
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;

var target = Argument("target", "Default");
var configuration = Argument("configuration", "Release");

var root = MakeAbsolute(Directory("."));
var artifacts = root.Combine("artifacts");
var packages = artifacts.Combine("packages");
var testResults = artifacts.Combine("test-results");
var solution = root.CombineWithFilePath("DeepInfra.slnx");

// For commands of the SDK, which leave empty folders among the temporary files: build.sh has a place of their own for them.
Dictionary<string, string?> SdkEnvironment() => EnvironmentVariable("DEEPINFRA_SDK_TMPDIR") is { } folder ? new() { ["TMPDIR"] = folder } : new();

Teardown(_ =>
{
    if (EnvironmentVariable("DEEPINFRA_SDK_TMPDIR") is not { } folder || !System.IO.Directory.Exists(folder))
        return;
    foreach (var left in System.IO.Directory.EnumerateDirectories(folder).Where(d => !System.IO.Directory.EnumerateFileSystemEntries(d).Any()))
        try
        {
            System.IO.Directory.Delete(left);
        }
        catch (IOException) { } // another build of this checkout has just used it, or removed it
});

void Run(string tool, ProcessArgumentBuilder arguments, DirectoryPath? directory = null, IDictionary<string, string?>? environment = null)
{
    var settings = new ProcessSettings { Arguments = arguments, WorkingDirectory = directory ?? root };
    if (environment is not null)
        settings.EnvironmentVariables = environment;
    var code = StartProcess(tool, settings);
    if (code != 0)
        throw new CakeException(code, $"{tool} {arguments.RenderSafe()} ended with exit code {code}");
}

// What the user should see: the log itself is kept quiet, errors excepted.
void Say(string line) => Console.WriteLine(line);

void BuildProject(FilePath project) =>
    Run(
        "dotnet",
        new ProcessArgumentBuilder()
            .Append("build")
            .AppendQuoted(project.FullPath)
            .Append($"-c {configuration} --nologo -v quiet -clp:NoSummary -p:WithoutNativeLibraries={IsManagedOnly()}"),
        environment: SdkEnvironment()
    );

#load "native/native.cake"
#load "native/sources.cake"
#load "native/ledger.cake"
#load "native/ledger-page.cake"
#load "src/packages.cake"
#load "tests/suites.cake"
#load "tests/coverage.cake"

Task("Clean").Does(() => CleanDirectory(artifacts));

Task("Restore")
    .Does(() => Run("dotnet", new ProcessArgumentBuilder().Append("restore").AppendQuoted(solution.FullPath).Append("-v quiet")));

Task("Build").IsDependentOn("Restore").IsDependentOn("CpuLibrary").Does(() => BuildProject(solution));

// Lays out all code; with --check it only reports.
Task("Format")
    .Does(() =>
    {
        Run("dotnet", new ProcessArgumentBuilder().Append("csharpier").Append(HasArgument("check") ? "check" : "format").Append("."));
        FormatNative(HasArgument("check"));
    });

// The main job: both data flows on real text. Arguments after "--" go to the program.
Task("Demo")
    .IsDependentOn("CpuLibrary")
    .Does(() =>
    {
        var project = root.CombineWithFilePath("samples/EndToEnd/EndToEnd.csproj");
        BuildProject(project);
        var program = artifacts.CombineWithFilePath($"bin/EndToEnd/{configuration.ToLowerInvariant()}/EndToEnd.dll");
        var arguments = new ProcessArgumentBuilder().AppendQuoted(program.FullPath);
        foreach (var argument in Argument("args", "").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            arguments.AppendQuoted(argument);
        Run("dotnet", arguments);
    });

// Writes PublicAPI.Unshipped.txt of every package from the compiler's view of its public surface.
Task("Api")
    .Does(() =>
    {
        // Packages of packages and of native libraries have no public symbols of their own.
        var projects = GetFiles("./src/*/*.csproj")
            .Where(p => System.IO.Directory.EnumerateFiles(p.GetDirectory().FullPath, "*.cs").Any())
            .OrderBy(p => p.FullPath, StringComparer.Ordinal)
            .ToList();
        foreach (var folder in projects.Select(p => p.GetDirectory()))
        {
            var shipped = folder.CombineWithFilePath("PublicAPI.Shipped.txt").FullPath;
            if (!System.IO.File.Exists(shipped))
                System.IO.File.WriteAllText(shipped, "#nullable enable\n");
            System.IO.File.WriteAllText(folder.CombineWithFilePath("PublicAPI.Unshipped.txt").FullPath, "#nullable enable\n");
        }
        // The package of packages refers to all others: one build sees every public symbol.
        var log = artifacts.CombineWithFilePath("public-api.log");
        EnsureDirectoryExists(artifacts);
        Run(
            "dotnet",
            new ProcessArgumentBuilder()
                .Append("build")
                .AppendQuoted(root.CombineWithFilePath("src/DeepInfra/DeepInfra.csproj").FullPath)
                .Append($"-c {configuration} --nologo -v quiet -clp:NoSummary;ErrorsOnly --no-incremental -p:CollectPublicApi=true")
                .Append($"-flp:LogFile={log.FullPath};WarningsOnly"),
            environment: SdkEnvironment()
        );
        var missing = new Regex(@"warning RS0016: Symbol '(?<symbol>.*?)' is not part of the declared (public )?API.*\[(?<project>[^\]]*)\]$");
        var symbols = System.IO.File.ReadLines(log.FullPath)
            .Select(line => missing.Match(line))
            .Where(match => match.Success)
            .ToLookup(match => match.Groups["project"].Value, match => match.Groups["symbol"].Value);
        foreach (var project in projects)
        {
            var found = symbols[project.FullPath].Distinct().Order(StringComparer.Ordinal).ToList();
            System.IO.File.AppendAllLines(project.GetDirectory().CombineWithFilePath("PublicAPI.Unshipped.txt").FullPath, found);
            Say($"{project.GetFilenameWithoutExtension()}: {found.Count} public symbols");
        }
    });

// Consumes the packed packages only, the way a user would: those that Pack makes, or with --packed those that lie there.
var smokeTask = Task("Smoke")
    .Does(() =>
    {
        if (GetFiles($"{packages}/DeepInfra.Core.*.nupkg").Count == 0)
            throw new CakeException($"there are no packages in {packages}");
        var smoke = root.Combine("tests/DeepInfra.Smoke");
        var work = artifacts.Combine("smoke");
        CleanDirectory(work);
        // A folder with the simulator and no other native library: a device without the packages that its kernels are in.
        var simulator = nativeTestLibraries.CombineWithFilePath("libdeepinfra_cudasim.so");
        var onSimulator = FileExists(simulator)
            ? new Dictionary<string, string?> { ["DEEPINFRA_CUDA"] = "sim", ["DEEPINFRA_NATIVE_PATH"] = work.Combine("simulator").FullPath }
            : null;
        if (onSimulator is null)
            Say("smoke: devices are skipped, the simulator is not built");
        else
        {
            EnsureDirectoryExists(work.Combine("simulator"));
            CopyFileToDirectory(simulator, work.Combine("simulator"));
        }
        void Consume(string mode, string properties, bool expectInstructionSetWarning = false)
        {
            var output = work.Combine(mode);
            var settings = new ProcessSettings
            {
                Arguments = new ProcessArgumentBuilder()
                    .Append("publish")
                    .AppendQuoted(smoke.CombineWithFilePath("DeepInfra.Smoke.csproj").FullPath)
                    .Append($"-c {configuration} --nologo -v quiet -o")
                    .AppendQuoted(output.FullPath)
                    .Append($"-p:SmokeMode={mode} {properties}"),
                WorkingDirectory = smoke,
                RedirectStandardOutput = true,
                EnvironmentVariables = SdkEnvironment(),
            };
            var clock = System.Diagnostics.Stopwatch.StartNew();
            var code = StartProcess("dotnet", settings, out var lines);
            var log = string.Join('\n', lines);
            if (code != 0)
                throw new CakeException(code, $"smoke, {mode}: publish ended with exit code {code}\n{log}");
            if (log.Contains("DI0010") != expectInstructionSetWarning || Regex.IsMatch(log, "IL[23][0-9]{3}"))
                throw new CakeException($"smoke, {mode}: unexpected or missing warnings\n{log}");
            var program = output.CombineWithFilePath(IsRunningOnWindows() ? "DeepInfra.Smoke.exe" : "DeepInfra.Smoke");
            Say($"smoke, {mode}, published in {clock.Elapsed.TotalSeconds:0.0} s:");
            if (mode == "native")
            {
                Run(program.FullPath, new ProcessArgumentBuilder().Append("native"), work, onSimulator);
                return;
            }
            Run(program.FullPath, new ProcessArgumentBuilder(), work);
            if (onSimulator is not null)
                Run(program.FullPath, new ProcessArgumentBuilder().Append("no-native"), work, onSimulator);
        }

        var rid = IsRunningOnWindows() ? "win-x64" : "linux-x64";
        Consume("framework-dependent", "");
        Consume("single-file", $"-r {rid} --self-contained -p:PublishSingleFile=true");
        Consume("aot", $"-r {rid} -p:PublishAot=true", expectInstructionSetWarning: true);
        Consume("aot-v3", $"-r {rid} -p:PublishAot=true -p:IlcInstructionSet=x86-64-v3");
        if (System.Runtime.Intrinsics.X86.Avx512F.IsSupported)
            Consume("aot-v4", $"-r {rid} -p:PublishAot=true -p:IlcInstructionSet=x86-64-v4");
        else
            Say("smoke, aot-v4: skipped, this processor has no AVX-512");
        if (onSimulator is null || GetFiles($"{packages}/DeepInfra.Core.Cuda.{rid}.*.nupkg").Count == 0)
            Say("smoke, native: skipped, there is no package of native libraries or no simulator");
        else
            Consume("native", "");
    });
if (!HasArgument("packed"))
    smokeTask.IsDependentOn("Pack");

// One headline after another; figures go to the console.
Task("Bench")
    .IsDependentOn("CpuLibrary")
    .Does(() =>
    {
        var project = root.CombineWithFilePath("bench/DeepInfra.Headlines/DeepInfra.Headlines.csproj");
        BuildProject(project);
        var program = artifacts.CombineWithFilePath($"bin/DeepInfra.Headlines/{configuration.ToLowerInvariant()}/DeepInfra.Headlines.dll");
        Run("dotnet", new ProcessArgumentBuilder().AppendQuoted(program.FullPath).Append("all"));
    });

Task("CI")
    .IsDependentOn("CheckSources")
    .IsDependentOn("Native")
    .IsDependentOn("Test")
    .IsDependentOn("Smoke");

// Layout, generated bindings and the ledger, without changing anything.
Task("CheckSources")
    .Does(() =>
    {
        Run("dotnet", new ProcessArgumentBuilder().Append("csharpier check ."));
        FormatNative(check: true);
        RunBindings(check: true);
        WriteLedger(check: true);
    });

Task("Default").IsDependentOn("Build").IsDependentOn("Test");

RunTarget(target);
