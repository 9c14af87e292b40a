// SPDX-License-Identifier: MIT
using DeepInfra.BindingsGenerator;

// DeepInfra.BindingsGenerator <checkout> [--check]: generates the bindings of all areas from their C headers; with --check it only
// reports what is out of date and fails. Without clang it does nothing, which is a failure where CI is set.
if (args.Length == 0 || args.Skip(1).Any(a => a != "--check"))
{
    Console.Error.WriteLine("usage: DeepInfra.BindingsGenerator <checkout> [--check]");
    return 2;
}
var root = Path.GetFullPath(args[0]);
var checkOnly = args.Contains("--check");
if (Clang.Find() is not { } clang)
{
    Console.Error.WriteLine("bindings: skipped, no clang 14 or newer on PATH");
    return string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CI")) ? 0 : 1;
}
try
{
    var failed = false;
    foreach (var area in AreaConfig.Load(Path.Combine(AppContext.BaseDirectory, "areas.json")))
    {
        var files = Generator.Generate(area, root, clang);
        if (Generator.FindAbiProblem(area, files, root) is { } problem)
        {
            Console.Error.WriteLine($"bindings: {area.Entry}: {problem}");
            failed = true;
            continue;
        }
        var different = Generator.Apply(files, root, checkOnly);
        foreach (var path in different)
            Console.Error.WriteLine(
                checkOnly
                    ? $"bindings: {path} is out of date, run ./build.sh bindings"
                    : $"bindings: wrote {path}"
            );
        failed |= checkOnly && different.Count > 0;
    }
    return failed ? 1 : 0;
}
catch (Exception e) when (e is BindingsException or InvalidDataException or IOException)
{
    Console.Error.WriteLine($"bindings: {e.Message}");
    return 1;
}
