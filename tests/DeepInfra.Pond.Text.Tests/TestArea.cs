// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Text.Tests;

/// <summary>A directory of its own for one test, with a session on it.</summary>
internal sealed class TestArea : IAsyncDisposable
{
    private readonly List<PondSession> _sessions = [];

    public string Root { get; } = Directory.CreateTempSubdirectory("pond-text-test-").FullName;

    public string this[string name] => Path.Combine(Root, name);

    public async Task<PondSession> OpenAsync(int cores = 2)
    {
        var session = await PondSession.CreateAsync(
            new PondOptions
            {
                DataRoot = this["pond"],
                Cores = cores,
                MemoryBudget = 512L << 20,
                RandomSeed = 7,
                Durability = Durability.None,
            }
        );
        _sessions.Add(session);
        return session;
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
