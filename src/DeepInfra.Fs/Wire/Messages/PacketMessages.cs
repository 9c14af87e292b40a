// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

internal sealed class MessagePacket : ISerdeStruct<MessagePacket>
{
    public ulong Uuid;
    public ushort ServiceId;
    public ushort MethodId;
    public ushort Flags;
    public PacketVersion Version;
    public string Payload = "";
    public PacketTimestamp? Timestamp;

    public static string WireName => "MessagePacket";

    public static void Visit<TVisitor>(ref TVisitor v, ref MessagePacket x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("uuid", ref x.Uuid);
        v.Number("serviceId", ref x.ServiceId);
        v.Number("methodId", ref x.MethodId);
        v.Number("flags", ref x.Flags);
        v.Struct("version", ref x.Version);
        v.String("payload", ref x.Payload);
        v.Field(
            "timestamp",
            ref x.Timestamp,
            default(OptionalRef<PacketTimestamp, StructOf<PacketTimestamp>>)
        );
        v.EndTable(table);
    }
}

internal struct PacketVersion : ISerdeStruct<PacketVersion>
{
    public byte Major;
    public byte Minor;
    public byte Patch;
    public uint Hash;

    public static string WireName => "Version";

    public static void Visit<TVisitor>(ref TVisitor v, ref PacketVersion x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("major", ref x.Major);
        v.Number("minor", ref x.Minor);
        v.Number("patch", ref x.Patch);
        v.Number("hash", ref x.Hash);
        v.EndTable(table);
    }
}

internal sealed class PacketTimestamp : ISerdeStruct<PacketTimestamp>
{
    public long ClientCalled;
    public long ClientSerialized;
    public long ServerReceived;
    public long ServerWaked;
    public long ServerProcessed;
    public long ServerSerialized;
    public long ClientReceived;
    public long ClientWaked;

    public static string WireName => "Timestamp";

    public static void Visit<TVisitor>(ref TVisitor v, ref PacketTimestamp x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("clientCalled", ref x.ClientCalled);
        v.Number("clientSerialized", ref x.ClientSerialized);
        v.Number("serverReceived", ref x.ServerReceived);
        v.Number("serverWaked", ref x.ServerWaked);
        v.Number("serverProcessed", ref x.ServerProcessed);
        v.Number("serverSerialized", ref x.ServerSerialized);
        v.Number("clientReceived", ref x.ClientReceived);
        v.Number("clientWaked", ref x.ClientWaked);
        v.EndTable(table);
    }
}
