// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Tests.Fakes;
using DeepInfra.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DeepInfra.Fs.Tests;

public sealed class ReadmeTests
{
    [Fact]
    public async Task Example_InTheReadme_Runs()
    {
        await using var cluster = new FakeCluster();
        var (clusterId, manager) = (FakeCluster.Id, cluster.ManagerAddress);

        // example
        await using var client = await ThreeFsClient.ConnectAsync(
            new ThreeFsClientOptions { ClusterId = clusterId, ManagerAddresses = [manager] }
        );
        await client.CreateDirectoryAsync("/data");
        await using (
            var file = await client.OpenAsync("/data/log", FileMode.Create, FileAccess.ReadWrite)
        )
        {
            await file.WriteAsync("hello"u8.ToArray(), offset: 0);
        }

        var files = new ThreeFsFileSystem(client); // an IFileSystem
        await using var reader = await files.OpenReadAsync("data/log");
        var buffer = new byte[5];
        var count = await reader.ReadAsync(buffer, offset: 0);
        // end

        count.Should().Be(5);
        buffer.Should().Equal("hello"u8.ToArray());
    }

    [Fact]
    public void Example_InTheReadme_IsTheOneThatRuns()
    {
        var root = Root();
        var source = File.ReadAllText(
            Path.Combine(root, "tests", "DeepInfra.Fs.Tests", "ReadmeTests.cs")
        );
        var start =
            source.IndexOf("// example\n", StringComparison.Ordinal) + "// example\n".Length;
        var code = source[
            start..source.IndexOf("        // end\n", start, StringComparison.Ordinal)
        ];
        var readme = Path.Combine(root, "src", "DeepInfra.Fs", "README.md");

        Words(File.ReadAllText(readme)).Should().Contain(Words(code));
    }

    [Fact]
    public async Task AddDeepInfraFs_Factory_SharesOneClient()
    {
        using var log = new LogCapture();
        await using var cluster = new FakeCluster();
        var services = new ServiceCollection().AddDeepInfraFs(_ => cluster.ClientOptions);
        var descriptor = services.Should().ContainSingle().Which;
        await using var factory = (ThreeFsClientFactory)
            descriptor.ImplementationFactory!(new Services(log));

        var clients = await Task.WhenAll(
            Enumerable.Range(0, 5).Select(_ => factory.GetAsync().AsTask())
        );

        clients.Should().OnlyContain(c => ReferenceEquals(c, clients[0]));
        log.Lines.Should().Contain(l => l.EventId == 6008, "the services have a logger factory");
        await factory.DisposeAsync();
        var act = async () => await factory.GetAsync();
        await act.Should().ThrowAsync<ObjectDisposedException>();
    }

    private sealed class Services(ILoggerFactory log) : IServiceProvider
    {
        public object? GetService(Type serviceType) =>
            serviceType == typeof(ILoggerFactory) ? log : null;
    }

    private static string Words(string text) =>
        string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            .Replace("( ", "(", StringComparison.Ordinal)
            .Replace(" )", ")", StringComparison.Ordinal);

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "DeepInfra.slnx")))
        {
            folder = Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(folder))!;
        }

        return folder;
    }
}
