// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using DeepInfra.Fs.Tests;
using DeepInfra.Fs.Tests.Wire;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Replay;

/// <summary>
/// Sends the recorded requests of a session with a real server, byte for byte, to one of ours and compares
/// the answers field by field.
/// </summary>
internal static class Transcript
{
    /// <summary>Replays one session.</summary>
    /// <param name="name">File name below <c>transcripts</c>.</param>
    /// <param name="endPoint">Our server.</param>
    /// <param name="ignored">Field names whose values are not compared.</param>
    /// <param name="skipped">Requests (by uuid) that are not sent.</param>
    /// <returns>One line per difference.</returns>
    public static async Task<List<string>> ReplayAsync(
        string name,
        IPEndPoint endPoint,
        ISet<string> ignored,
        params ulong[] skipped
    )
    {
        var differences = new List<string>();
        using var socket = new TcpClient();
        await socket.ConnectAsync(endPoint);
        var stream = socket.GetStream();
        var messages = Golden
            .Load($"transcripts/{name}")
            .GetProperty("connections")[0]
            .GetProperty("messages")
            .EnumerateArray()
            .ToList();
        foreach (var request in messages.Where(m => m.String("dir") == "c2s"))
        {
            var uuid = Uuid(request);
            if (skipped.Contains(uuid))
            {
                continue;
            }
            await stream.WriteAsync(request.Hex("hex"));
            var actual = await ReadAsync(stream);
            var expected = messages.Single(m => m.String("dir") == "s2c" && Uuid(m) == uuid);
            var type = WireTypes.Get(expected.String("payloadType"));
            var json = type.Decode(actual).Json;
            var wanted = Strip(
                JsonNode.Parse(expected.GetProperty("payload").GetRawText()),
                ignored
            );
            var found = Strip(json, ignored);
            var difference = JsonCompare.Difference(
                JsonDocument.Parse(wanted!.ToJsonString()).RootElement,
                found
            );
            if (difference is not null)
            {
                differences.Add($"{uuid} {request.String("call")}: {difference}");
            }
        }
        return differences;
    }

    private static ulong Uuid(JsonElement message) =>
        message.GetProperty("packet").GetProperty("uuid").GetUInt64();

    private static async Task<byte[]> ReadAsync(NetworkStream stream)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var header = new byte[8];
        await stream.ReadExactlyAsync(header, limit.Token);
        var body = new byte[BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(4))];
        await stream.ReadExactlyAsync(body, limit.Token);
        return Payload(body);
    }

    private static byte[] Payload(byte[] body)
    {
        var packet = Serde.Read<MessagePacket>(body);
        return SerdeText.ToBytes(packet.Payload);
    }

    private static JsonNode? Strip(JsonNode? node, ISet<string> ignored)
    {
        switch (node)
        {
            case JsonObject o:
                var copy = new JsonObject();
                foreach (var (key, value) in o)
                {
                    if (!ignored.Contains(key))
                    {
                        copy[key] = Strip(value, ignored);
                    }
                }
                return copy;
            case JsonArray a:
                return new JsonArray([.. a.Select(n => Strip(n, ignored))]);
            default:
                return node?.DeepClone();
        }
    }
}
