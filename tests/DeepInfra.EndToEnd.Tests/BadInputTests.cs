// SPDX-License-Identifier: MIT
using System.IO.Compression;
using System.Text;
using DeepInfra.Testing;

namespace DeepInfra.EndToEnd.Tests;

/// <summary>Input that cannot be used ends the program with a message that names it, and leaves nothing behind.</summary>
public sealed class BadInputTests(BadInputTests.Host host)
    : IDisposable,
        IClassFixture<BadInputTests.Host>
{
    private readonly DemoProcess _demo = new();

    public void Dispose() => _demo.Dispose();

    [Fact]
    public async Task Input_MissingFolder_IsNamed()
    {
        var result = await _demo.RunAsync("--input", _demo.Combine("nowhere"));

        ShouldFail(result, "copy raw text to 3FS", "nowhere' does not exist");
    }

    [Fact]
    public async Task Input_File_AsksForItsFolder()
    {
        var input = _demo.CreateInput("a.txt", "text");

        var result = await RunAsync("--input", Path.Combine(input, "a.txt"));

        ShouldFail(result, "copy raw text to 3FS", "a.txt' is a file; give the folder");
    }

    [Fact]
    public async Task Input_NothingReadable_NamesTheKinds()
    {
        var input = _demo.CreateInput("picture.png", "text");

        var result = await RunAsync("--input", input);

        ShouldFail(result, "copy raw text to 3FS", "no .txt, .jsonl, .jsonl.gz or .parquet file");
    }

    [Fact]
    public async Task Input_BrokenLine_NamesFileAndLine()
    {
        var input = _demo.CreateInput("a.jsonl", "{\"text\":\"one\"}\n{\"text\": oops\n{}\n");

        var result = await RunAsync("--input", input);

        ShouldFail(result, "copy raw text to 3FS", "a.jsonl' line 2 is not a JSON object");
    }

    [Fact]
    public async Task Input_LineThatIsNoObject_NamesFileAndLine()
    {
        var input = _demo.CreateInput("a.jsonl", "{\"text\":\"one\"}\n[1]\n");

        var result = await RunAsync("--input", input);

        ShouldFail(result, "copy raw text to 3FS", "a.jsonl' line 2", "expected an object");
    }

    [Fact]
    public async Task Input_CutOffGzip_NamesTheFile()
    {
        // Cut after a whole line, so that only the end of the compressed stream is missing.
        var packed = Pack(string.Concat(Enumerable.Repeat("{\"text\":\"one\"}\n", 100)));
        var input = _demo.CreateInput("a.jsonl.gz", packed.AsSpan(0, packed.Length - 8));

        var result = await RunAsync("--input", input);

        ShouldFail(result, "copy raw text to 3FS", "a.jsonl.gz' is damaged or cut off");
    }

    [Fact]
    public async Task Input_DamagedGzip_NamesTheFile()
    {
        var packed = Pack("{\"text\":\"one\"}\n");
        packed[12] ^= 0xFF;
        packed[13] ^= 0xFF;
        var input = _demo.CreateInput("a.jsonl.gz", packed);

        var result = await RunAsync("--input", input);

        ShouldFail(result, "copy raw text to 3FS", "a.jsonl.gz' is damaged or cut off");
    }

    [Fact]
    public async Task Input_CutOffParquet_NamesTheFile()
    {
        var input = _demo.CreateInput("a.parquet", [.. "PAR1"u8, .. new byte[3000]]);

        var result = await RunAsync("--input", input);

        ShouldFail(result, "prepare text with Pond", "raw/a.parquet is not a whole Parquet file");
    }

    [Fact]
    public async Task Input_BytesThatAreNoText_NamesTheFile()
    {
        var input = _demo.CreateInput("a.txt", [0x61, 0xFF, 0xFE, 0x62]);

        var result = await RunAsync("--input", input);

        ShouldFail(result, "copy raw text to 3FS", "a.txt' is not UTF-8 text");
    }

    [Fact]
    public async Task Input_MixedKinds_IsRefused()
    {
        _demo.CreateInput("a.parquet", "PAR1");
        var input = _demo.CreateInput("a.txt", "text");

        var result = await RunAsync("--input", input);

        ShouldFail(result, "copy raw text to 3FS", "mixes .parquet with other files");
    }

    [Fact]
    public async Task Input_TooLittleText_SaysHowMuchThereIs()
    {
        var input = _demo.CreateInput("a.txt", "Too little to learn from.");

        var result = await RunAsync("--input", input);

        ShouldFail(
            result,
            "check the prepared text",
            "too little text: 0 train sequences of 129 tokens, expected at least 16"
        );
    }

    [Fact]
    public async Task CommandLine_NoTokens_IsWrongUsage()
    {
        var result = await RunAsync("--tokens", "0");

        result.ExitCode.Should().Be(2);
        result.StandardError.Should().Contain("--tokens: expected at least 1");
    }

    [Fact]
    public async Task CommandLine_ReportIsAFolder_IsRefusedBeforeAnyWork()
    {
        Directory.CreateDirectory(_demo.Report);

        var result = await RunAsync();

        result.ExitCode.Should().Be(3);
        result.StandardError.Should().Contain("--report: ").And.Contain("it is a folder");
        result.StandardOutput.Should().NotContain("start the embedded 3FS cluster");
    }

    /// <summary>In one process for all tests, but for the one of the missing folder, which sees a process to its end.</summary>
    private Task<ChildProcessResult> RunAsync(params string[] arguments) =>
        host.Demo.RunAsync(null, [.. arguments, "--report", _demo.Report]);

    private static byte[] Pack(string text)
    {
        using var memory = new MemoryStream();
        using (var stream = new GZipStream(memory, CompressionLevel.Optimal))
            stream.Write(Encoding.UTF8.GetBytes(text));
        return memory.ToArray();
    }

    private void ShouldFail(ChildProcessResult result, string phase, params string[] message)
    {
        result.ExitCode.Should().Be(3, result.StandardError);
        result.StandardError.Should().StartWith($"Failed in phase '{phase}': ");
        result.StandardError.Should().ContainAll(message);
        // The message says it all: no stack.
        result.StandardError.Should().NotContain("   at ");
        File.Exists(_demo.Report).Should().BeFalse();
        _demo.Leftovers.Should().BeEmpty();
        host.Leftovers.Should().BeEmpty();
    }

    public sealed class Host : IDisposable
    {
        private readonly TempDirectory _temporary = new();

        public Host() => Demo = DemoHost.Start(_temporary.Path);

        internal DemoHost Demo { get; }

        public IEnumerable<string> Leftovers => DemoProcess.LeftoversIn(_temporary.Path);

        public void Dispose()
        {
            Demo.Dispose();
            _temporary.Dispose();
        }
    }
}
