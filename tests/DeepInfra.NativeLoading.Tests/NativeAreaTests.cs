// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.NativeLoading.Tests.Fakes;
using DeepInfra.Testing;

namespace DeepInfra.NativeLoading.Tests;

/// <summary>What a program sees whose native library is missing, damaged or of another version, for each area.</summary>
public sealed class NativeAreaTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    public static TheoryData<string> Areas => [.. NativeAreas.Names];

    [Theory]
    [MemberData(nameof(Areas))]
    public Task NoLibrary_NamesThePackage(string area) => RunAsync("missing", area);

    [Theory]
    [MemberData(nameof(Areas))]
    public async Task DamagedLibrary_SaysWhatTheLoaderSaid(string area)
    {
        await File.WriteAllTextAsync(
            PathOf(area),
            new string('x', 4096),
            TestContext.Current.CancellationToken
        );

        await RunAsync("damaged", area);
    }

    [Theory]
    [MemberData(nameof(Areas))]
    public async Task LibraryOfAnotherProcessor_SaysWhatTheLoaderSaid(string area)
    {
        await CompileAsync(area, NativeAreas.Get(area).AbiVersion);
        // The machine in the header of the file: that of AArch64, or of x86-64 there.
        await using (var file = File.Open(PathOf(area), FileMode.Open))
        {
            const int MachineOffset = 18;
            file.Seek(MachineOffset, SeekOrigin.Begin);
            var machine = file.ReadByte();
            file.Seek(MachineOffset, SeekOrigin.Begin);
            file.WriteByte(machine == 183 ? (byte)62 : (byte)183);
        }

        await RunAsync("processor", area);
    }

    [Theory]
    [MemberData(nameof(Areas))]
    public async Task LibraryWithoutItsDependency_NamesTheDependency(string area)
    {
        var dependency = _directory.Combine("libfake_dependency.so");
        await FakeLibrary.CompileAsync("fake_area.c", dependency, "-DFAKE_IS_DEPENDENCY");
        await CompileAsync(area, NativeAreas.Get(area).AbiVersion, "-DFAKE_DEPENDENCY", dependency);
        File.Delete(dependency);

        await RunAsync("dependency", area);
    }

    [Theory]
    [MemberData(nameof(Areas))]
    public async Task LibraryOfSomebodyElse_SaysSo(string area)
    {
        await FakeLibrary.CompileAsync("fake_area.c", PathOf(area));

        await RunAsync("foreign", area);
    }

    [Theory]
    [MemberData(nameof(Areas))]
    public async Task LibraryOfAnotherMajorVersion_NamesFileAndVersions(string area)
    {
        await CompileAsync(area, 0x0009_0003);

        await RunAsync("major", area);
    }

    [Theory]
    [MemberData(nameof(Areas))]
    public async Task LibraryOfAnOlderMinorVersion_NamesFileAndVersions(string area)
    {
        var version = NativeAreas.Get(area).AbiVersion;
        Assert.SkipWhen((version & 0xFFFF) == 0, "there is no older minor version");
        await CompileAsync(area, version - 1);

        await RunAsync("minor", area);
    }

    [Theory]
    [MemberData(nameof(Areas))]
    public Task WorkThatNeedsNone_LoadsNone(string area) => RunAsync("without", area);

    private string PathOf(string area) => _directory.Combine($"libdeepinfra_{area}.so");

    private Task CompileAsync(string area, uint version, params string[] arguments) =>
        FakeLibrary.CompileAsync(
            "fake_area.c",
            PathOf(area),
            [
                $"-DFAKE_AREA={area}",
                string.Create(CultureInfo.InvariantCulture, $"-DFAKE_ABI=0x{version:x}"),
                .. arguments,
            ]
        );

    private Task RunAsync(string scenario, string area) =>
        // The device comes first.
        Scenario.RunOnFakeDriverAsync(
            _directory,
            scenario,
            typeof(NativeAreaScenarios),
            (NativeAreaScenarios.AreaVariable, area),
            ("DEEPINFRA_NATIVE_PATH", _directory.Path)
        );
}
