// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs.Cluster.Faults;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Manager;

/// <summary>
/// Sessions of clients. They are kept in memory: after a restart every live client extends its session
/// within its interval and is known again.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class SessionRegistry(NodeClock clock)
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(20);

    private readonly ConcurrentDictionary<string, Entry> _sessions = new();
    private readonly long _since = clock.Monotonic();

    /// <summary>
    /// For how long sessions have been recorded. A client that is unknown in the beginning may be about to
    /// extend its session.
    /// </summary>
    public TimeSpan Age => TimeSpan.FromMicroseconds(clock.Monotonic() - _since);

    /// <summary>All sessions that have not expired.</summary>
    public List<ClientSession> All()
    {
        var limit = Limit();
        return [.. _sessions.Values.Where(e => e.Extended >= limit).Select(e => e.Session)];
    }

    /// <summary>The session of a client, or null.</summary>
    public ClientSession? Find(string clientId) =>
        _sessions.TryGetValue(clientId, out var entry) && entry.Extended >= Limit()
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
        var now = (Wall: clock.Now(), Passed: clock.Monotonic());
        _sessions.AddOrUpdate(
            request.ClientId,
            static (_, a) =>
                new Entry(
                    a.request.ClientSessionVersion,
                    New(a.request, a.now.Wall, a.now.Wall),
                    a.now.Passed
                ),
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
                var next = New(a.request, old.Session.Start, a.now.Wall);
                return SameClient(old.Session, next)
                    ? new Entry(a.request.ClientSessionVersion, next, a.now.Passed)
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
        var limit = Limit();
        foreach (var (id, entry) in _sessions)
        {
            if (entry.Extended < limit)
            {
                _sessions.TryRemove(new KeyValuePair<string, Entry>(id, entry));
            }
        }
    }

    // By the time that has passed: a clock that is set right must not end the sessions of live clients.
    private long Limit() => clock.Monotonic() - (long)s_timeout.TotalMicroseconds;

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

    private sealed record Entry(ulong Version, ClientSession Session, long Extended);
}
