// SPDX-License-Identifier: MIT
using DeepInfra.Core.Jit;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Jit;

public sealed class JitKernelCacheTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void GetOrBuild_Twice_CompilesOnce()
    {
        var compiler = new FakeCompiler();
        using var cache = Open(compiler);

        var first = cache.GetOrBuild(FakeCompiler.Spec());
        var second = cache.GetOrBuild(FakeCompiler.Spec());

        second.Should().BeSameAs(first);
        compiler.Compilations.Should().Be(1);
        cache
            .Statistics.Should()
            .Match<JitStatistics>(s => s.MemoryHits == 1 && s.Compilations == 1);
        cache.Statistics.CompileTime.Should().Be(TimeSpan.FromMilliseconds(12.5));
    }

    [Fact]
    public void GetOrBuild_KeptByAnotherCache_ReadsItFromDisk()
    {
        using (var writer = Open(new FakeCompiler()))
            writer.GetOrBuild(FakeCompiler.Spec());
        var compiler = new FakeCompiler();
        using var cache = Open(compiler);

        var kernel = cache.GetOrBuild(FakeCompiler.Spec());

        compiler.Compilations.Should().Be(0);
        cache.Statistics.DiskHits.Should().Be(1);
        kernel.Registers.Should().Be(40);
        kernel.Cubin[FakeCubin.HeaderBytes..].ToArray().Should().Equal("void f() {}"u8.ToArray());
    }

    [Fact]
    public void GetOrBuild_OtherCompilerVersion_CompilesAgain()
    {
        using (var writer = Open(new FakeCompiler("fake 1")))
            writer.GetOrBuild(FakeCompiler.Spec());
        var compiler = new FakeCompiler("fake 2");
        using var cache = Open(compiler);

        cache.GetOrBuild(FakeCompiler.Spec());

        compiler.Compilations.Should().Be(1);
    }

    [Theory]
    [InlineData("truncate")]
    [InlineData("flip")]
    [InlineData("empty")]
    public void GetOrBuild_DamagedFile_IsSetAsideAndBuiltAgain(string damage)
    {
        using (var writer = Open(new FakeCompiler()))
            writer.GetOrBuild(FakeCompiler.Spec());
        var path = Directory.GetFiles(_directory.Path, "*.kernel", SearchOption.AllDirectories)[0];
        var bytes = File.ReadAllBytes(path);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(
            path,
            damage switch
            {
                "truncate" => bytes[..^7],
                "flip" => bytes,
                _ => [],
            }
        );
        var compiler = new FakeCompiler();
        using var cache = Open(compiler);

        cache.GetOrBuild(FakeCompiler.Spec());

        compiler.Compilations.Should().Be(1);
        cache.Statistics.CorruptFiles.Should().Be(1);
        File.Exists(path + ".corrupt").Should().BeTrue();
        using var next = Open(new FakeCompiler());
        next.GetOrBuild(FakeCompiler.Spec());
        next.Statistics.DiskHits.Should().Be(1);
    }

    [Fact]
    public void GetOrBuild_FolderThatCannotBeWritten_CompilesInMemory()
    {
        var file = _directory.Combine("file");
        File.WriteAllText(file, "");
        var compiler = new FakeCompiler();
        using var cache = new JitKernelCache(
            new JitOptions { CacheDirectory = Path.Combine(file, "below") },
            compiler
        );

        cache.GetOrBuild(FakeCompiler.Spec());
        cache.GetOrBuild(FakeCompiler.Spec());

        compiler.Compilations.Should().Be(1);
        cache.Statistics.WriteFailures.Should().Be(1);
    }

    [Fact]
    public void GetOrBuild_FolderDeletedMeanwhile_MakesItAgain()
    {
        using var cache = Open(new FakeCompiler());
        cache.GetOrBuild(FakeCompiler.Spec("a"));
        Directory.Delete(cache.Directory!, recursive: true);

        cache.GetOrBuild(FakeCompiler.Spec("b"));

        using var next = Open(new FakeCompiler());
        next.GetOrBuild(FakeCompiler.Spec("b"));
        next.Statistics.DiskHits.Should().Be(1);
    }

    [Fact]
    public void GetOrBuild_OfflineWithKernel_NeedsNoCompiler()
    {
        using (var writer = Open(new FakeCompiler()))
            writer.GetOrBuild(FakeCompiler.Spec());
        using var cache = new JitKernelCache(
            new JitOptions
            {
                CacheDirectory = _directory.Combine("empty"),
                ReadOnlyDirectories = [_directory.Combine("kernels")],
                Offline = true,
            },
            new MissingCompiler()
        );

        var kernel = cache.GetOrBuild(FakeCompiler.Spec());

        kernel.EntrySymbol.Should().Be("f");
        Directory.Exists(_directory.Combine("empty")).Should().BeFalse();
    }

    [Fact]
    public void GetOrBuild_OfflineWithoutKernel_NamesIt()
    {
        using var cache = new JitKernelCache(
            new JitOptions { CacheDirectory = _directory.Path, Offline = true },
            new MissingCompiler()
        );

        cache
            .Invoking(c => c.GetOrBuild(FakeCompiler.Spec("wanted")))
            .Should()
            .Throw<KernelCompilationException>()
            .WithMessage("No cache has wanted for sm_90a*Offline*");
    }

    [Fact]
    public void GetOrBuild_SourceWithError_FailsEveryTimeAndKeepsNothing()
    {
        var compiler = new FakeCompiler();
        using var cache = Open(compiler);
        var spec = FakeCompiler.Spec(source: "#error no");

        for (var i = 0; i < 2; i++)
            cache
                .Invoking(c => c.GetOrBuild(spec))
                .Should()
                .Throw<KernelCompilationException>()
                .Which.NumberedSource.Should()
                .Contain("1  #error no");

        compiler.Compilations.Should().Be(2);
        cache.Statistics.Failures.Should().Be(2);
    }

    [Fact]
    public void GetOrBuild_NoEntryOrTwo_Throws()
    {
        using var cache = Open(new FakeCompiler());
        var none = new KernelSpec("k", "x", "sm_90a");
        var both = new KernelSpec("k", "x", "sm_90a") { EntryExpression = "f", EntrySymbol = "f" };

        cache
            .Invoking(c => c.GetOrBuild(none))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*neither*");
        cache
            .Invoking(c => c.GetOrBuild(both))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*both*");
    }

    [Fact]
    public void GetOrBuild_EightThreadsAndTwoCaches_CompileEachKernelOnce()
    {
        var compiler = new FakeCompiler { OnCompile = _ => Thread.Yield() };
        using var one = Open(compiler);
        using var two = Open(compiler);
        var threads = Enumerable
            .Range(0, 8)
            .Select(t => new Thread(() =>
            {
                for (var i = 0; i < 20; i++)
                    (t % 2 == 0 ? one : two).GetOrBuild(FakeCompiler.Spec($"k{i}"));
            }))
            .ToList();

        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());

        compiler.Compilations.Should().Be(20);
    }

    [Fact]
    public void GetOrBuild_LockHeldForLong_CompilesAnyway()
    {
        using var cache = new JitKernelCache(
            new JitOptions { CacheDirectory = _directory.Path, LockTimeout = TimeSpan.Zero },
            new FakeCompiler()
        );
        cache.GetOrBuild(FakeCompiler.Spec());
        cache.ClearMemory();
        File.Delete(
            Directory.GetFiles(_directory.Path, "*.kernel", SearchOption.AllDirectories)[0]
        );
        using var held = new FileStream(
            Directory.GetFiles(_directory.Path, "*.lock", SearchOption.AllDirectories)[0],
            FileMode.Open,
            FileAccess.ReadWrite,
            FileShare.None
        );

        cache.GetOrBuild(FakeCompiler.Spec());

        cache.Statistics.Compilations.Should().Be(2);
    }

    [Fact]
    public void GetOrBuild_OverCapacity_ForgetsTheLeastRecentlyUsed()
    {
        using var cache = new JitKernelCache(
            new JitOptions { CacheDirectory = _directory.Path, MemoryCapacity = 2 },
            new FakeCompiler()
        );
        cache.GetOrBuild(FakeCompiler.Spec("a"));
        cache.GetOrBuild(FakeCompiler.Spec("b"));
        cache.GetOrBuild(FakeCompiler.Spec("a"));
        cache.GetOrBuild(FakeCompiler.Spec("c"));
        var before = cache.Statistics;

        cache.GetOrBuild(FakeCompiler.Spec("a"));
        cache.GetOrBuild(FakeCompiler.Spec("b"));

        cache.Statistics.MemoryHits.Should().Be(before.MemoryHits + 1);
        cache.Statistics.DiskHits.Should().Be(before.DiskHits + 1);
    }

    [Fact]
    public void Files_OldDrafts_AreSwept()
    {
        var drafts = _directory.Combine("kernels", "tmp");
        Directory.CreateDirectory(drafts);
        var (old, young) = (Path.Combine(drafts, "old"), Path.Combine(drafts, "young"));
        File.WriteAllText(old, "");
        File.WriteAllText(young, "");
        File.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddDays(-2));
        using var cache = Open(new FakeCompiler());

        cache.GetOrBuild(FakeCompiler.Spec());

        Directory.GetFiles(drafts).Should().Equal(young);
    }

    [Fact]
    public async Task Prefetch_SomeFail_BuildsTheOthers()
    {
        using var cache = Open(new FakeCompiler());
        KernelSpec[] specs =
        [
            FakeCompiler.Spec("a"),
            FakeCompiler.Spec("bad", "#error"),
            null!,
            FakeCompiler.Spec("b"),
            FakeCompiler.Spec("a"),
        ];

        var failure = await cache
            .Invoking(c => c.PrefetchAsync(specs, TestContext.Current.CancellationToken))
            .Should()
            .ThrowAsync<AggregateException>();

        failure
            .Which.InnerExceptions.Should()
            .HaveCount(2)
            .And.Contain(e => e is ArgumentNullException)
            .And.Contain(e => e.Message.Contains("bad"));
        cache.Statistics.Compilations.Should().Be(2);
    }

    [Fact]
    public async Task GetOrBuildAsync_Cancelled_StillKeepsTheResult()
    {
        using var begun = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        var compiler = new FakeCompiler
        {
            OnCompile = _ =>
            {
                begun.Set();
                go.Wait(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
            },
        };
        using var cache = Open(compiler);
        using var cancellation = new CancellationTokenSource();
        var waiting = cache.GetOrBuildAsync(FakeCompiler.Spec(), cancellation.Token);
        begun.Wait(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);

        await cancellation.CancelAsync();
        await FluentActions
            .Awaiting(() => waiting)
            .Should()
            .ThrowAsync<OperationCanceledException>();
        go.Set();

        (await cache.GetOrBuildAsync(FakeCompiler.Spec(), TestContext.Current.CancellationToken))
            .Name.Should()
            .Be("k");
        compiler.Compilations.Should().Be(1);
    }

    [Fact]
    public void GetOrBuild_Dump_WritesSourceAndResult()
    {
        using var cache = new JitKernelCache(
            new JitOptions
            {
                CacheDirectory = _directory.Combine("cache"),
                DumpDirectory = _directory.Combine("dump"),
            },
            new FakeCompiler()
        );

        cache.GetOrBuild(FakeCompiler.Spec());

        var files = Directory.GetFiles(_directory.Combine("dump"));
        files.Select(Path.GetExtension).Should().BeEquivalentTo(".cu", ".txt", ".log", ".cubin");
        File.ReadAllText(files.Single(f => f.EndsWith(".cu", StringComparison.Ordinal)))
            .Should()
            .Be("void f() {}");
    }

    [Fact]
    public void GetOrBuild_Disposed_Throws()
    {
        var cache = Open(new FakeCompiler());
        cache.Dispose();
        cache.Dispose();

        cache
            .Invoking(c => c.GetOrBuild(FakeCompiler.Spec()))
            .Should()
            .Throw<ObjectDisposedException>();
    }

    [Fact]
    public void Constructor_BadOption_Throws() =>
        FluentActions
            .Invoking(() => new JitKernelCache(new JitOptions { MaxParallelCompilations = 0 }))
            .Should()
            .Throw<ArgumentOutOfRangeException>();

    private JitKernelCache Open(FakeCompiler compiler) =>
        new(new JitOptions { CacheDirectory = _directory.Path, DumpDirectory = "" }, compiler);

    private sealed class MissingCompiler : IKernelCompiler
    {
        public string Identity => throw new NativeLibraryNotFoundException("none");

        public CompiledKernel Compile(KernelSpec spec) => throw new InvalidOperationException();
    }
}
