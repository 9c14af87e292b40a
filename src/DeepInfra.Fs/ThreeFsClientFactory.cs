// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs;

/// <summary>
/// Connects one client on first use and shares it, for hosts that build their objects before anything can be awaited.
/// A failed attempt is not remembered: the next caller tries again. Thread-safe.
/// </summary>
public sealed class ThreeFsClientFactory : IAsyncDisposable
{
    private readonly ThreeFsClientOptions _options;
    private readonly SemaphoreSlim _connecting = new(1, 1);
    private ThreeFsClient? _client;
    private bool _disposed;

    /// <summary>Creates a factory; nothing is connected yet.</summary>
    /// <param name="options">Settings of the client.</param>
    public ThreeFsClientFactory(ThreeFsClientOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
    }

    /// <summary>The shared client, connected by the first call. It belongs to the factory.</summary>
    /// <param name="cancellationToken">Gives the wait up.</param>
    /// <exception cref="ThreeFsException">No manager answers, or they belong to another cluster.</exception>
    public async ValueTask<ThreeFsClient> GetAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), this);
        if (Volatile.Read(ref _client) is { } connected)
        {
            return connected;
        }

        await _connecting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_client is null)
            {
                var client = await ThreeFsClient
                    .ConnectAsync(_options, cancellationToken)
                    .ConfigureAwait(false);
                Volatile.Write(ref _client, client);
            }

            return _client;
        }
        finally
        {
            _connecting.Release();
        }
    }

    /// <summary>Closes the client if there is one.</summary>
    public async ValueTask DisposeAsync()
    {
        await _connecting.WaitAsync().ConfigureAwait(false);
        try
        {
            Volatile.Write(ref _disposed, true);
            if (_client is { } client)
            {
                await client.DisposeAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            _connecting.Release();
        }
    }
}
