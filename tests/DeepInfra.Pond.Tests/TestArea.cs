// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Tests;

/// <summary>A directory of its own for one test, with a session on it.</summary>
internal sealed class TestArea : IAsyncDisposable
{
    private readonly List<PondSession> _sessions = [];

    public TestArea()
    {
        Root = Directory.CreateTempSubdirectory("pond-test-").FullName;
    }

    public string Root { get; }

    public string DataRoot => Path.Combine(Root, "pond");

    public string this[string name] => Path.Combine(Root, name);

    public PondOptions Options =>
        new()
        {
            DataRoot = DataRoot,
            Cores = 2,
            MemoryBudget = 512L << 20,
            RandomSeed = 7,
            Durability = Durability.None,
            RetryDelay = TimeSpan.FromMilliseconds(1),
        };

    public async Task<PondSession> OpenAsync(Func<PondOptions, PondOptions>? change = null)
    {
        var session = await PondSession.CreateAsync((change ?? (o => o))(Options));
        _sessions.Add(session);
        return session;
    }

    public string Write(string name, string content)
    {
        var path = this[name];
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var session in _sessions)
        {
            await session.DisposeAsync();
        }

        Directory.Delete(Root, recursive: true);
    }
}
