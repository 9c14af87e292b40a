// SPDX-License-Identifier: MIT
using System.Text.Json;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Wire;

public sealed class GoldenMessageTests
{
    private static readonly string[] s_files =
    [
        "serde_primitives",
        "messages_mgmtd",
        "messages_meta",
        "messages_storage",
        "messages_other",
        "meta_realistic",
        "routing",
    ];

    public static TheoryData<string> Files => [.. s_files];

    [Theory]
    [MemberData(nameof(Files))]
    public void Encode_GoldenValue_GivesTheRecordedBytes(string file)
    {
        var failures = new List<string>();
        foreach (var entry in ValuesOf(file))
        {
            var bytes = WireTypes.Get(entry.String("type")).EncodeJson(entry.GetProperty("value"));
            var expected = entry.Hex("hex");
            // The byte of an empty layout is undefined: we write 0, upstream whatever was there.
            if (!bytes.AsSpan().SequenceEqual(expected) && !HasPad(entry))
            {
                failures.Add(
                    $"{entry.String("name")}: expected {Convert.ToHexStringLower(expected)}, got {Convert.ToHexStringLower(bytes)}"
                );
            }
        }

        failures.Should().BeEmpty();
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Decode_GoldenBytes_GivesTheRecordedValueAndBytesAgain(string file)
    {
        var failures = new List<string>();
        foreach (var entry in ValuesOf(file))
        {
            var bytes = entry.Hex("hex");
            var (json, again, left) = WireTypes.Get(entry.String("type")).Decode(bytes);
            var difference = JsonCompare.Difference(entry.GetProperty("value"), json);
            if (difference is not null || left != 0)
            {
                failures.Add($"{entry.String("name")}: {difference}, {left} bytes left");
            }

            if (!again.AsSpan().SequenceEqual(bytes) && !HasPad(entry))
            {
                failures.Add($"{entry.String("name")}: encodes differently again");
            }
        }

        failures.Should().BeEmpty();
    }

    [Fact]
    public void Constructor_EveryMessage_HasTheDefaultsOfTheProtocol()
    {
        var failures = new List<string>();
        foreach (var entry in s_files.SelectMany(ValuesOf))
        {
            if (!entry.String("name").EndsWith("/default", StringComparison.Ordinal))
            {
                continue;
            }

            var type = entry.String("type");
            if (type.StartsWith("vector<", StringComparison.Ordinal))
            {
                continue;
            }

            var difference = JsonCompare.Difference(
                entry.GetProperty("value"),
                WireTypes.Get(type).DumpDefault(),
                ignoreTags: true
            );
            if (difference is not null)
            {
                failures.Add($"{entry.String("name")}: {difference}");
            }
        }

        failures.Should().BeEmpty();
    }

    [Fact]
    public void Decode_RecordedDecoderCases_BehavesAsUpstream()
    {
        var failures = new List<string>();
        foreach (var entry in Golden.Entries("serde_decode"))
        {
            var name = entry.String("name");
            var type = WireTypes.Get(entry.String("type"));
            var bytes = entry.Hex("hex");
            try
            {
                var (json, _, left) = type.Decode(bytes);
                if (!entry.GetProperty("ok").GetBoolean())
                {
                    failures.Add($"{name}: expected an error, got {json?.ToJsonString()}");
                }
                else if (JsonCompare.Difference(entry.GetProperty("value"), json) is { } difference)
                {
                    failures.Add($"{name}: {difference}");
                }
                else if (left != entry.GetProperty("bytesLeft").GetInt32())
                {
                    failures.Add($"{name}: {left} bytes left");
                }
            }
            catch (SerdeException e)
            {
                if (
                    entry.GetProperty("ok").GetBoolean()
                    || (int)e.Code != entry.GetProperty("error").GetProperty("code").GetInt32()
                )
                {
                    failures.Add($"{name}: {e.Code} {e.Message}");
                }
            }
        }

        failures.Should().BeEmpty();
    }

    [Fact]
    public void Schema_EveryStructure_ListsItsFieldsInWireOrder()
    {
        var failures = new List<string>();
        var structs = Golden.Load("schema").GetProperty("structs");
        foreach (var structure in structs.EnumerateObject())
        {
            if (!WireTypes.All.TryGetValue(structure.Name, out var type))
            {
                continue;
            }

            var expected = structure
                .Value.GetProperty("segments")
                .EnumerateArray()
                .SelectMany(s => s.GetProperty("fields").EnumerateArray())
                .Select(f => f.String("name"));
            var actual = ((System.Text.Json.Nodes.JsonObject)type.DumpDefault()!).Select(p =>
                p.Key.Split('#')[0]
            );
            if (!expected.SequenceEqual(actual))
            {
                failures.Add($"{structure.Name}: {string.Join(',', actual)}");
            }
        }

        failures.Should().BeEmpty();
    }

    [Fact]
    public void StatusCode_EveryRecordedCode_IsDefined()
    {
        var codes = Golden.Entries("status_codes").Select(e => e.GetProperty("code").GetInt32());

        codes.Should().BeEquivalentTo(Enum.GetValues<StatusCode>().Select(c => (int)c));
    }

    private static IEnumerable<JsonElement> ValuesOf(string file) =>
        Golden.Entries(file).Where(e => e.TryGetProperty("hex", out _));

    private static bool HasPad(JsonElement entry) =>
        entry.GetProperty("value").GetRawText().Contains("\"$pad\"", StringComparison.Ordinal);
}
