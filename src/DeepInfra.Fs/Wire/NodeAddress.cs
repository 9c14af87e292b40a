// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Globalization;
using System.Net;

namespace DeepInfra.Fs.Wire;

/// <summary>Where a service listens: IPv4 address, port and network type.</summary>
/// <param name="Ip">The address as a big-endian number: 127.0.0.1 is 0x7f000001.</param>
/// <param name="Port">The port.</param>
/// <param name="Type">The network type that the server published.</param>
internal readonly record struct NodeAddress(uint Ip, ushort Port, AddressType Type)
{
    public bool IsDefault => Ip == 0 && Port == 0;

    public static NodeAddress From(IPEndPoint endPoint, AddressType type = AddressType.Tcp)
    {
        Span<byte> bytes = stackalloc byte[16];
        endPoint.Address.MapToIPv4().TryWriteBytes(bytes, out _);
        return new NodeAddress(
            BinaryPrimitives.ReadUInt32BigEndian(bytes),
            (ushort)endPoint.Port,
            type
        );
    }

    /// <summary>The endpoint to dial. A listener of any type also accepts plain TCP on the same port.</summary>
    public IPEndPoint ToEndPoint()
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, Ip);
        return new IPEndPoint(new IPAddress(bytes), Port);
    }

    /// <summary>The same endpoint spoken to over TCP.</summary>
    public NodeAddress AsTcp() => this with { Type = AddressType.Tcp };

    /// <summary>Parses <c>TYPE://a.b.c.d:port</c> or <c>a.b.c.d:port</c>.</summary>
    public static bool TryParse(string text, out NodeAddress address)
    {
        address = default;
        var type = AddressType.Tcp;
        var rest = text.AsSpan().Trim();
        var scheme = rest.IndexOf("://", StringComparison.Ordinal);
        if (scheme >= 0)
        {
            if (!Enum.TryParse(rest[..scheme], ignoreCase: true, out type) || !Enum.IsDefined(type))
            {
                return false;
            }

            rest = rest[(scheme + 3)..];
        }

        var colon = rest.LastIndexOf(':');
        if (
            colon < 0
            || !ushort.TryParse(
                rest[(colon + 1)..],
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out var port
            )
            || rest[..colon].Count('.') != 3
            || !IPAddress.TryParse(rest[..colon], out var ip)
        )
        {
            return false;
        }

        address = From(new IPEndPoint(ip, port), type);
        return true;
    }

    public override string ToString() => $"{TypeName(Type)}://{ToEndPoint()}";

    private static string TypeName(AddressType type) =>
        type switch
        {
            AddressType.Tcp => "TCP",
            AddressType.Rdma => "RDMA",
            AddressType.IpoIb => "IPoIB",
            AddressType.Local => "LOCAL",
            AddressType.Unix => "UNIX",
            _ => ((int)type).ToString(CultureInfo.InvariantCulture),
        };
}
