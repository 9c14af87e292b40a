// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Manager;

/// <summary>
/// Sessions of clients. They are kept in memory: after a restart every live client extends its session
/// within its interval and is known again.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class SessionRegistry
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(20);

    private readonly ConcurrentDictionary<string, Entry> _sessions = new();

    /// <summary>
    /// Since when sessions are recorded, in microseconds since the Unix epoch. A client that is unknown
    /// shortly after this moment may be about to extend its session.
    /// </summary>
    public long Since { get; } = WireTime.Now();

    /// <summary>All sessions that have not expired.</summary>
    public List<ClientSession> All()
    {
        var limit = WireTime.Now() - (long)s_timeout.TotalMicroseconds;
        return [.. _sessions.Values.Select(e => e.Session).Where(s => s.LastExtend >= limit)];
    }

    /// <summary>The session of a client, or null.</summary>
    public ClientSession? Find(string clientId) =>
        _sessions.TryGetValue(clientId, out var entry)
        && entry.Session.LastExtend >= WireTime.Now() - (long)s_timeout.TotalMicroseconds
            ? entry.Session
            : null;

    /// <summary>Starts or extends a session.</summary>
    /// <exception cref="ServiceException">The version is stale (5010) or the identity changed (5014).</exception>
    public void Extend(ExtendClientSessionReq request)
    {
        if (string.IsNullOrEmpty(request.ClientId))
        {
            throw new ServiceException(StatusCode.InvalidArg, "client id is empty");
        }
        var now = WireTime.Now();
        _sessions.AddOrUpdate(
            request.ClientId,
            static (_, a) =>
                new Entry(a.request.ClientSessionVersion, New(a.request, a.now, a.now)),
            static (_, old, a) =>
            {
                if (a.request.ClientSessionVersion < old.Version)
                {
                    // Clients read the number and go on from there.
                    throw new ServiceException(
                        StatusCode.MgmtdClientSessionVersionStale,
                        $"{old.Version}"
                    );
                }
                var next = New(a.request, old.Session.Start, a.now);
                return SameClient(old.Session, next)
                    ? new Entry(a.request.ClientSessionVersion, next)
                    : throw new ServiceException(
                        StatusCode.MgmtdExtendClientSessionMismatch,
                        "identity of the client changed"
                    );
            },
            (request, now)
        );
    }

    /// <summary>Forgets sessions that were not extended in time.</summary>
    public void Expire()
    {
        var limit = WireTime.Now() - (long)s_timeout.TotalMicroseconds;
        foreach (var (id, entry) in _sessions)
        {
            if (entry.Session.LastExtend < limit)
            {
                _sessions.TryRemove(new KeyValuePair<string, Entry>(id, entry));
            }
        }
    }

    private static ClientSession New(ExtendClientSessionReq request, long start, long now) =>
        new()
        {
            ClientId = request.ClientId,
            ConfigVersion = request.ConfigVersion,
            Start = start,
            LastExtend = now,
            UniversalId = request.Data.UniversalId,
            Description = request.Data.Description,
            ServiceGroups = request.Data.ServiceGroups,
            ReleaseVersion = request.Data.ReleaseVersion,
            ConfigStatus = request.ConfigStatus,
            Type = request.Type,
            ClientStart = request.ClientStart,
        };

    private static bool SameClient(ClientSession a, ClientSession b) =>
        a.UniversalId == b.UniversalId
        && a.Description == b.Description
        && a.Type == b.Type
        && a.ClientStart == b.ClientStart
        && Serde.ToArray(a.ReleaseVersion).AsSpan().SequenceEqual(Serde.ToArray(b.ReleaseVersion))
        && a.ServiceGroups.Count == b.ServiceGroups.Count;

    private sealed record Entry(ulong Version, ClientSession Session);
}
