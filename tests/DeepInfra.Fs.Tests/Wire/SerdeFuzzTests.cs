// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Wire;

/// <summary>Damaged bytes end in a typed error or a value; never in a crash, a hang or a flood of memory.</summary>
public sealed class SerdeFuzzTests
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

    [Fact]
    public void Decode_TruncatedAnywhere_FailsOrKeepsDefaults()
    {
        foreach (var (type, bytes) in Messages().Where(m => m.Bytes.Length < 1000))
        {
            for (var length = 0; length < bytes.Length; length++)
            {
                Probe(type, bytes[..length]);
            }
        }
    }

    [Fact]
    public void Decode_BitsFlipped_FailsOrGivesAValue()
    {
        var random = new Random(20261124);
        foreach (var (type, bytes) in Messages())
        {
            for (var i = 0; i < 60; i++)
            {
                var damaged = (byte[])bytes.Clone();
                for (var flips = random.Next(1, 4); flips > 0 && damaged.Length > 0; flips--)
                {
                    damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
                }

                Probe(type, damaged);
            }
        }
    }

    [Fact]
    public void Decode_RandomBytes_FailsOrGivesAValue() => RandomBytes(100_000);

    [Fact]
    [Trait("Category", "Slow")]
    public void Decode_MillionRandomInputs_FailsOrGivesAValue() => RandomBytes(1_000_000);

    [Theory]
    [InlineData("ffffffff0f")]
    [InlineData("80808080808080808001")]
    [InlineData("ffffffffffffffffff01")]
    public void Decode_HugeCount_IsRejectedBeforeAllocating(string count)
    {
        var bytes = Convert.FromHexString(count + "00");
        foreach (
            var type in new[]
            {
                "vector<u32>",
                "vector<demo::Point>",
                "vector<bool>",
                "set<string>",
                "map<string,u32>",
                "hash_map<string,u32>",
                "string",
                "vector<u8>",
                "chunk_id(string)",
                "flat::RoutingInfo",
            }
        )
        {
            var act = () => WireTypes.Get(type).Probe(bytes);
            // The first failure of a type also pays for its initialisers and for formatting the exception.
            act.Should().Throw<SerdeException>();
            var before = GC.GetAllocatedBytesForCurrentThread();
            act.Should().Throw<SerdeException>();
            (GC.GetAllocatedBytesForCurrentThread() - before).Should().BeLessThan(200_000);
        }
    }

    [Fact]
    public void Decode_TooDeep_Fails()
    {
        // Tables within tables: each level is a table that holds the next one.
        var reader = new SerdeReader(
            (ReadOnlySpan<byte>)[.. Enumerable.Range(0, 100).Reverse().Select(i => (byte)i)]
        );
        SerdeException? failure = null;
        try
        {
            for (var i = 0; i < 70; i++)
            {
                reader.BeginTable();
            }
        }
        catch (SerdeException e)
        {
            failure = e;
        }

        failure!.Message.Should().Contain("64");
    }

    [Fact]
    public void ReadHeader_RandomBodies_FailsOrGivesAPacket()
    {
        var random = new Random(7);
        for (var i = 0; i < 100_000; i++)
        {
            var body = new byte[random.Next(0, 80)];
            random.NextBytes(body);
            try
            {
                var packet = PacketHeader.Read(body, out var offset, out var length);
                (offset + length).Should().BeLessThanOrEqualTo(body.Length);
                _ = packet;
            }
            catch (SerdeException)
            {
                // Expected for most.
            }
        }
    }

    private static IEnumerable<(WireType Type, byte[] Bytes)> Messages() =>
        s_files
            .SelectMany(Golden.Entries)
            .Where(e => e.TryGetProperty("hex", out _))
            .Select(e => (WireTypes.Get(e.GetProperty("type").GetString()!), e.Hex("hex")));

    private static void Probe(WireType type, byte[] bytes)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            type.Probe(bytes);
        }
        catch (SerdeException)
        {
            // The typed error.
        }

        (GC.GetAllocatedBytesForCurrentThread() - before)
            .Should()
            .BeLessThan(100_000 + (bytes.Length * 200));
    }

    private static void RandomBytes(int count)
    {
        var random = new Random(42);
        var types = WireTypes.All.Values.ToArray();
        for (var i = 0; i < count; i++)
        {
            var bytes = new byte[random.Next(0, 100)];
            random.NextBytes(bytes);
            if (bytes.Length > 0 && random.Next(2) == 0)
            {
                // A plausible first table length gets deeper into the decoder.
                bytes[0] = (byte)(bytes.Length - 1);
            }

            Probe(types[random.Next(types.Length)], bytes);
        }
    }
}
