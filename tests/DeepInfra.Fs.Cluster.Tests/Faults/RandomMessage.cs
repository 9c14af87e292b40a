// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Faults;

/// <summary>Fills messages with values at random, among them many that mean something to a small cluster.</summary>
internal readonly struct RandomMessage(Random random, ulong[] numbers) : ISerdeVisitor
{
    private static readonly string[] s_names =
    [
        "Empty",
        "ChainRange",
        "ChainList",
        "File",
        "Directory",
        "Symlink",
        "MetaHeartbeatInfo",
        "StorageHeartbeatInfo",
        "MgmtdHeartbeatInfo",
    ];

    private static readonly string[] s_texts =
    [
        "",
        "/",
        ".",
        "..",
        "a",
        "/f",
        "/d",
        "/d/f",
        "/d/../f",
        "//",
        "/l",
        "/new/er",
        "\0",
        "\uDC80\uDCFF",
        new string('n', 256),
        string.Concat(Enumerable.Repeat("/x", 3000)),
    ];

    public static bool IsReader => true;

    /// <summary>A message; a variant that meets a name of another one is drawn again.</summary>
    public static T Next<T>(Random random, ulong[] numbers)
        where T : ISerdeStruct<T>, new()
    {
        while (true)
        {
            var filler = new RandomMessage(random, numbers);
            try
            {
                T value = default!;
                StructOf<T>.Visit(ref filler, ref value);
                return value;
            }
            catch (SerdeException)
            {
                // An unknown alternative.
            }
        }
    }

    public void BeginStruct(string typeName) { }

    public void EndStruct() { }

    public TableScope BeginTable() => default;

    public void EndTable(TableScope scope) { }

    // Now and then a peer is older and does not send a field.
    public bool BeginField(string name) => random.Next(20) != 0;

    public int BeginList(int count, int minimumElementBytes, SerdeListKind kind) =>
        random.Next(4) == 0 ? random.Next(20) : random.Next(3);

    public int BeginShortList(int count) => random.Next(3);

    public void EndList() { }

    public void BeginPair() { }

    public void EndPair() { }

    public void Optional(ref bool present) => present = random.Next(2) == 0;

    public void ResultTag(ref bool hasValue) => hasValue = random.Next(2) == 0;

    public void EndResult() { }

    public void VariantName(ref string name) => name = s_names[random.Next(s_names.Length)];

    public void EndVariant() { }

    public void Void() { }

    public void Padding() { }

    public void Scalar<T>(ref T value)
        where T : unmanaged
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        BitConverter.TryWriteBytes(bytes, Number());
        value =
            typeof(T) == typeof(bool)
                ? (T)(object)(random.Next(2) == 0)
                : System.Runtime.InteropServices.MemoryMarshal.Read<T>(bytes);
    }

    public void Enumeration<T>(ref T value)
        where T : unmanaged, Enum => Scalar(ref value);

    public void Varint32(ref uint value) => value = (uint)Number();

    public void Varint64(ref ulong value) => value = Number();

    public void Text(ref string value) => value = s_texts[random.Next(s_texts.Length)];

    public void Uuid(ref Guid value) =>
        value = random.Next(3) == 0 ? Guid.Empty : new Guid((int)Number(), 0, 0, new byte[8]);

    public void Address(ref NodeAddress value) =>
        value = new NodeAddress(0x7F00_0001, (ushort)Number(), AddressType.Tcp);

    public void ChunkId(ref ChunkId value) =>
        value = random.Next(6) switch
        {
            0 => default,
            1 => new ChunkId(new byte[random.Next(400)]),
            2 => new ChunkId(Number(), Number()),
            _ => new ChunkId(Number(), 0, (uint)random.Next(3)),
        };

    public void Blob(ref InlineData value)
    {
        var bytes = new byte[random.Next(3) == 0 ? random.Next(70_000) : random.Next(20)];
        random.NextBytes(bytes);
        value = new InlineData(bytes);
    }

    private ulong Number() =>
        random.Next(8) switch
        {
            0 => (ulong)random.NextInt64() << random.Next(2),
            1 => ulong.MaxValue >> random.Next(64),
            2 => 1ul << random.Next(64),
            3 or 4 => (ulong)random.Next(6),
            _ => numbers[random.Next(numbers.Length)],
        };
}
