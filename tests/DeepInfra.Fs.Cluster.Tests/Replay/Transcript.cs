// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Tests;
using DeepInfra.Fs.Tests.Wire;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Replay;

/// <summary>
/// Sends the recorded requests of sessions with a real server, byte for byte, to one of ours and compares the answers: the
/// packets' numbers, and the payloads field by field.
/// </summary>
/// <remarks>
/// Two things of a recorded session cannot be the same here. Versions of the routing information count the server's own
/// changes, so a request that names a version it has been told gets the version that our server told at that place.
/// And the order of hash maps is free, so entries are compared sorted by their keys.
/// </remarks>
internal sealed class Transcript : IDisposable
{
    private readonly IPEndPoint _endPoint;
    private readonly ISet<string> _ignored;
    private readonly Dictionary<int, NetworkStream> _streams = [];
    private readonly Dictionary<(int Connection, ulong Recorded), ulong> _versions = [];

    private Transcript(IPEndPoint endPoint, ISet<string> ignored) =>
        (_endPoint, _ignored) = (endPoint, ignored);

    /// <summary>Replays one file.</summary>
    /// <param name="name">File name below <c>transcripts</c>.</param>
    /// <param name="endPoint">Our server.</param>
    /// <param name="ignored">Field names whose values are not compared.</param>
    /// <param name="starts">When each connection (by its port) began, in microseconds; not needed where there is only one.</param>
    /// <param name="before">Called before each request with the time at which it was recorded.</param>
    /// <returns>One line per difference.</returns>
    public static async Task<List<string>> ReplayAsync(
        string name,
        IPEndPoint endPoint,
        ISet<string> ignored,
        IReadOnlyDictionary<int, long>? starts = null,
        Action<long>? before = null
    )
    {
        using var transcript = new Transcript(endPoint, ignored);
        var connections = Golden
            .Load($"transcripts/{name}")
            .GetProperty("connections")
            .EnumerateArray()
            .ToDictionary(
                c => c.GetProperty("clientPort").GetInt32(),
                c => c.GetProperty("messages").EnumerateArray().ToList()
            );
        var requests =
            from connection in connections
            from message in connection.Value
            where message.String("dir") == "c2s"
            let time = (starts?[connection.Key] ?? 0) + message.GetProperty("t_us").GetInt64()
            orderby time
            select (time, connection.Key, message);
        var differences = new List<string>();
        foreach (var (time, connection, request) in requests)
        {
            before?.Invoke(time);
            var answer = connections[connection]
                .Single(m => m.String("dir") == "s2c" && Uuid(m) == Uuid(request));
            if (await transcript.ExchangeAsync(connection, request, answer) is { } difference)
            {
                var call = request.TryGetProperty("call", out var known) ? $" {known}" : "";
                differences.Add($"{Uuid(request)}{call}: {difference}");
            }
        }
        return differences;
    }

    public void Dispose()
    {
        foreach (var stream in _streams.Values)
        {
            stream.Dispose();
        }
    }

    private async Task<string?> ExchangeAsync(
        int connection,
        JsonElement request,
        JsonElement expected
    )
    {
        if (!_streams.TryGetValue(connection, out var stream))
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(_endPoint);
            _streams[connection] = stream = new NetworkStream(socket, ownsSocket: true);
        }
        await stream.WriteAsync(WithOurVersion(connection, request));
        var actual = await ReadAsync(stream);

        var packet = expected.GetProperty("packet");
        var numbers = (actual.Uuid, actual.ServiceId, actual.MethodId, actual.Flags);
        var recorded = (
            packet.GetProperty("uuid").GetUInt64(),
            packet.GetProperty("serviceId").GetUInt16(),
            packet.GetProperty("methodId").GetUInt16(),
            packet.GetProperty("flags").GetUInt16()
        );
        if (numbers != recorded)
        {
            return $"expected packet {recorded}, got {numbers}";
        }
        // Of an unknown method only the error is known.
        var isKnown = expected.TryGetProperty("payloadType", out var name);
        var type = WireTypes.Get(isKnown ? name.GetString()! : "result<void>");
        var found = type.Decode(SerdeText.ToBytes(actual.Payload)).Json;
        var wanted = isKnown
            ? JsonNode.Parse(expected.GetProperty("payload").GetRawText())
            : type.Decode(expected.Hex("payloadHex")).Json;
        if (Version(wanted) is { } theirs && Version(found) is { } ours)
        {
            _versions[(connection, theirs)] = ours;
        }
        return JsonCompare.Difference(
            JsonDocument.Parse(Comparable(wanted)!.ToJsonString()).RootElement,
            Comparable(found)
        );
    }

    private byte[] WithOurVersion(int connection, JsonElement request)
    {
        var bytes = request.Hex("hex");
        if (
            !request.TryGetProperty("payloadType", out var type)
            || type.GetString() != "mgmtd::GetRoutingInfoReq"
        )
        {
            return bytes;
        }
        var packet = Serde.Read<MessagePacket>(bytes.AsSpan(FrameHeader.Bytes));
        var payload = Serde.Read<GetRoutingInfoReq>(SerdeText.ToBytes(packet.Payload));
        Encode(packet, payload).Should().Equal(bytes, "nothing but the version may change");
        return _versions.TryGetValue((connection, payload.RoutingInfoVersion), out var ours)
            ? Encode(
                packet,
                new GetRoutingInfoReq
                {
                    ClusterId = payload.ClusterId,
                    RoutingInfoVersion = ours,
                    User = payload.User,
                }
            )
            : bytes;
    }

    private static byte[] Encode(MessagePacket packet, GetRoutingInfoReq payload)
    {
        var header = new PacketHeader
        {
            Uuid = packet.Uuid,
            ServiceId = packet.ServiceId,
            MethodId = packet.MethodId,
            Flags = (PacketFlags)packet.Flags,
        };
        var frame = FrameEncoder.Encode<GetRoutingInfoReq, StructOf<GetRoutingInfoReq>>(
            header,
            payload
        );
        var segments = new List<ReadOnlyMemory<byte>>();
        frame.CollectSegments(segments);
        return [.. segments.SelectMany(s => s.ToArray())];
    }

    private static async Task<MessagePacket> ReadAsync(NetworkStream stream)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var start = new byte[FrameHeader.Bytes];
        await stream.ReadExactlyAsync(start, limit.Token);
        var header = FrameHeader.Read(start);
        var body = new byte[header.Size];
        await stream.ReadExactlyAsync(body, limit.Token);
        header.Matches(Crc32C.Append(0, body)).Should().BeTrue("frames carry their checksum");
        return Serde.Read<MessagePacket>(body);
    }

    private static ulong Uuid(JsonElement message) =>
        message.GetProperty("packet").GetProperty("uuid").GetUInt64();

    private static ulong? Version(JsonNode? payload) =>
        payload?["$ok"] is JsonObject ok && ok["info"] is JsonObject info
            ? info["routingInfoVersion"]?.GetValue<ulong>()
            : null;

    private JsonNode? Comparable(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject o:
                var copy = new JsonObject();
                foreach (var (key, value) in o)
                {
                    if (!_ignored.Contains(key))
                    {
                        copy[key] = Comparable(value);
                    }
                }
                return copy;
            case JsonArray a when a.Count > 0 && a.All(e => e is JsonArray { Count: 2 }):
                return new JsonArray([
                    .. a.OrderBy(e => KeyOf(e![0]!), StringComparer.Ordinal).Select(Comparable),
                ]);
            case JsonArray a:
                return new JsonArray([.. a.Select(Comparable)]);
            default:
                return node?.DeepClone();
        }
    }

    /// <summary>Enumerations are dumped as numbers and recorded with their names.</summary>
    private static string KeyOf(JsonNode key) =>
        (key is JsonObject o && o["n"] is { } number ? number : key).ToJsonString();
}
