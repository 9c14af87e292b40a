// SPDX-License-Identifier: MIT
// Packages: made, checked and published. Loaded by build.cake, whose helpers it uses.

Task("Pack")
    .IsDependentOn("Build")
    .Does(() =>
    {
        PackInto(packages);
        foreach (var package in GetFiles($"{packages}/*.nupkg"))
        {
            const long Budget = 60 * 1024 * 1024;
            var bytes = new FileInfo(package.FullPath).Length;
            if (package.FullPath.Contains(".Cuda.") && bytes > Budget)
                throw new CakeException($"{package.GetFilename()} is larger than {Budget} bytes");
            CheckPackage(package);
            Say($"{package.GetFilename()} {bytes / 1024} KiB");
        }
        if (GetFiles($"{packages}/*.Cuda.linux-x64.*.nupkg").Count == 0)
            Say("pack: CUDA packages are skipped, run ./build.sh native first");
        if (!IsOnContinuousIntegration())
            return;
        // Elsewhere paths of this machine are part of a package; there two packs of one commit are equal.
        var again = artifacts.Combine("packages-again");
        PackInto(again);
        foreach (var package in GetFiles($"{packages}/*.nupkg"))
        {
            var (first, second) = (package.FullPath, again.CombineWithFilePath(package.GetFilename()).FullPath);
            if (!System.IO.File.ReadAllBytes(first).AsSpan().SequenceEqual(System.IO.File.ReadAllBytes(second)))
                throw new CakeException($"{package.GetFilename()} differs between two packs of one build.");
        }
        Say("packed twice with equal bytes");
    });

// All packages of the solution, without building.
void PackInto(DirectoryPath folder)
{
    CleanDirectory(folder);
    var hasNative = FileExists(nativeArtifacts.CombineWithFilePath("linux-x64/Release/libdeepinfra_core.so"));
    Run(
        "dotnet",
        new ProcessArgumentBuilder()
            .Append("pack")
            .AppendQuoted(solution.FullPath)
            .Append($"-c {configuration} --no-build --nologo -v quiet -p:AllowMissingNative={!hasNative}")
            .AppendQuoted($"-p:PackageOutputPath={folder.FullPath}"),
        environment: SdkEnvironment()
    );
    // Pack stamps every entry with the time of the pack; what is inside must not depend on that.
    foreach (var package in GetFiles($"{folder}/*.*nupkg"))
    {
        using var zip = System.IO.Compression.ZipFile.Open(package.FullPath, System.IO.Compression.ZipArchiveMode.Update);
        foreach (var entry in zip.Entries)
            entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);
    }
}

// What nuget.org shows of a package, and whether its Linux libraries load wherever it promises that.
void CheckPackage(FilePath package)
{
    using var zip = System.IO.Compression.ZipFile.OpenRead(package.FullPath);
    string Read(string name)
    {
        var entry = zip.GetEntry(name) ?? throw new CakeException($"{package.GetFilename()} has no {name}");
        using var reader = new StreamReader(entry.Open());
        return reader.ReadToEnd();
    }
    var nuspec = XDocument.Parse(Read(zip.Entries.Single(e => e.FullName.EndsWith(".nuspec")).FullName));
    if (Elements(nuspec, "readme").SingleOrDefault()?.Value != "README.md")
        throw new CakeException($"{package.GetFilename()} names no README.md");
    var readme = Read("README.md");
    var libraries = zip.Entries.Where(e => e.FullName.StartsWith("runtimes/linux-") && e.Name.EndsWith(".so")).ToList();
    if (libraries.Count == 0)
        return;
    Read("LICENSE");
    Read("THIRD-PARTY-NOTICES.md");
    var check = nativeSource.CombineWithFilePath("cmake/check-elf.sh");
    var floor = Regex.Match(System.IO.File.ReadAllText(check.FullPath), @"no glibc newer than (?<version>[0-9.]+) ").Groups["version"].Value;
    var promises = new List<string> { $"glibc {floor} or newer" };
    foreach (var entry in libraries)
    {
        using var stream = new MemoryStream();
        entry.Open().CopyTo(stream);
        var built = Regex.Match(System.Text.Encoding.Latin1.GetString(stream.ToArray()), @"""cuda"":""(?<cuda>[0-9.]+)"",""architectures"":\[""(?<targets>[^\]]*)""\]");
        if (!built.Success)
        {
            // A library that has nothing to do with GPUs names neither; one that should have kernels for them, and was built without, names none.
            if (package.GetFilename().FullPath.Contains(".Cuda."))
                throw new CakeException($"{package.GetFilename()}: {entry.FullName} does not say with which CUDA and for which architectures it was built");
            continue;
        }
        promises.Add($"CUDA {built.Groups["cuda"].Value}");
        promises.AddRange(built.Groups["targets"].Value.Split("\",\"").Select(t => t.TrimEnd('a')));
    }
    if (promises.Find(p => !readme.Contains(p)) is { } missing)
        throw new CakeException($"{package.GetFilename()}: README.md does not say \"{missing}\", which is what was built and checked");
    if (!IsRunningOnLinux())
        return;
    var work = artifacts.Combine("pack-check");
    CleanDirectory(work);
    foreach (var entry in libraries)
    {
        var library = work.CombineWithFilePath(entry.Name);
        System.IO.Compression.ZipFileExtensions.ExtractToFile(entry, library.FullPath);
        RunQuietly(check.FullPath, new ProcessArgumentBuilder().AppendQuoted(library.FullPath).AppendQuoted(@"di_\w+"), root);
    }
}

// --- publishing ---

// The section of CHANGELOG.md on the version of the packages, which must be that of --tag.
Task("ReleaseNotes")
    .Does(() =>
    {
        var version = PackageVersion();
        if (Argument<string>("tag") != $"v{version}")
            throw new CakeException($"--tag: expected v{version}, the version in Directory.Build.props, got {Argument<string>("tag")}");
        var section = Regex.Match(
            System.IO.File.ReadAllText(root.CombineWithFilePath("CHANGELOG.md").FullPath),
            $@"^## \[{Regex.Escape(version)}\][^\n]*\n(?<text>.*?)(?=^## |\z)",
            RegexOptions.Multiline | RegexOptions.Singleline
        );
        if (section.Groups["text"].Value.Trim() is not { Length: > 0 } text)
            throw new CakeException($"CHANGELOG.md has no section [{version}]");
        EnsureDirectoryExists(artifacts);
        System.IO.File.WriteAllText(artifacts.CombineWithFilePath("release-notes.md").FullPath, text + "\n");
    });

// Pushes what Pack made, all packages or none if one is missing: to nuget.org, or to the feed or folder of --source. NUGET_API_KEY is the key.
Task("Publish")
    .IsDependentOn("ReleaseNotes")
    .Does(() =>
    {
        var version = PackageVersion();
        var names = GetFiles("./src/*/*.csproj").Select(p => $"{p.GetFilenameWithoutExtension()}.{version}.nupkg").OrderBy(n => n, StringComparer.Ordinal).ToList();
        var found = GetFiles($"{packages}/*.nupkg").Select(p => p.GetFilename().ToString()).OrderBy(n => n, StringComparer.Ordinal).ToList();
        if (!names.SequenceEqual(found))
            throw new CakeException($"{packages}: expected {string.Join(", ", names)}; missing: {string.Join(", ", names.Except(found))}; unexpected: {string.Join(", ", found.Except(names))}");
        foreach (var name in names)
        {
            var arguments = new ProcessArgumentBuilder()
                .Append("nuget push")
                .AppendQuoted(packages.CombineWithFilePath(name).FullPath)
                .Append("--skip-duplicate --source")
                .AppendQuoted(Argument("source", "https://api.nuget.org/v3/index.json"));
            if (EnvironmentVariable("NUGET_API_KEY") is { Length: > 0 } key)
                arguments.Append("--api-key").AppendSecret(key);
            Run("dotnet", arguments);
        }
    });

string PackageVersion() =>
    XDocument.Load(root.CombineWithFilePath("Directory.Build.props").FullPath).Descendants("Version").Single().Value;
