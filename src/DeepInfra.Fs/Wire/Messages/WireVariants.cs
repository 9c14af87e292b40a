// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

/// <summary>What an inode is: file, directory or symbolic link.</summary>
internal interface IInodeBody;

/// <summary>Which chains a layout uses.</summary>
internal interface ILayoutChains;

/// <summary>The part of a heartbeat that depends on the kind of node.</summary>
internal interface IHeartbeatBody;

/// <summary>The part of an RDMA handshake that depends on the link layer.</summary>
internal interface ILinkLayer;

/// <summary>The value of a monitoring sample.</summary>
internal interface IMonitorValue;

internal readonly struct InodeBodyCodec : ISerdeCodec<IInodeBody>
{
    public static int MinimumBytes => 2;

    public static void Visit<TVisitor>(ref TVisitor v, ref IInodeBody value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var name = value switch
        {
            FileInode => "File",
            DirectoryInode => "Directory",
            SymlinkInode => "Symlink",
            _ => "",
        };
        v.VariantName(ref name);
        switch (name)
        {
            case "File":
                v.Alternative<TVisitor, IInodeBody, FileInode>(ref value);
                break;
            case "Directory":
                v.Alternative<TVisitor, IInodeBody, DirectoryInode>(ref value);
                break;
            case "Symlink":
                v.Alternative<TVisitor, IInodeBody, SymlinkInode>(ref value);
                break;
            default:
                SerdeException.ThrowUnknownVariant("InodeData.type", name);
                break;
        }

        v.EndVariant();
    }
}

internal readonly struct LayoutChainsCodec : ISerdeCodec<ILayoutChains>
{
    public static int MinimumBytes => 2;

    public static void Visit<TVisitor>(ref TVisitor v, ref ILayoutChains value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var name = value switch
        {
            LayoutEmpty => "Empty",
            LayoutChainRange => "ChainRange",
            LayoutChainList => "ChainList",
            _ => "",
        };
        v.VariantName(ref name);
        switch (name)
        {
            case "Empty":
                // The one type that is sent as a raw byte without a length prefix; its value carries no meaning.
                v.Padding();
                value = LayoutEmpty.Instance;
                break;
            case "ChainRange":
                v.Alternative<TVisitor, ILayoutChains, LayoutChainRange>(ref value);
                break;
            case "ChainList":
                v.Alternative<TVisitor, ILayoutChains, LayoutChainList>(ref value);
                break;
            default:
                SerdeException.ThrowUnknownVariant("Layout.chains", name);
                break;
        }

        v.EndVariant();
    }
}

internal readonly struct HeartbeatBodyCodec : ISerdeCodec<IHeartbeatBody>
{
    public static int MinimumBytes => 2;

    public static void Visit<TVisitor>(ref TVisitor v, ref IHeartbeatBody value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var name = value switch
        {
            MetaHeartbeatInfo => "MetaHeartbeatInfo",
            StorageHeartbeatInfo => "StorageHeartbeatInfo",
            MgmtdHeartbeatInfo => "MgmtdHeartbeatInfo",
            _ => "",
        };
        v.VariantName(ref name);
        switch (name)
        {
            case "MetaHeartbeatInfo":
                v.Alternative<TVisitor, IHeartbeatBody, MetaHeartbeatInfo>(ref value);
                break;
            case "StorageHeartbeatInfo":
                v.Alternative<TVisitor, IHeartbeatBody, StorageHeartbeatInfo>(ref value);
                break;
            case "MgmtdHeartbeatInfo":
                v.Alternative<TVisitor, IHeartbeatBody, MgmtdHeartbeatInfo>(ref value);
                break;
            default:
                SerdeException.ThrowUnknownVariant("HeartbeatInfo.info", name);
                break;
        }

        v.EndVariant();
    }
}

internal readonly struct LinkLayerCodec : ISerdeCodec<ILinkLayer>
{
    public static int MinimumBytes => 2;

    public static void Visit<TVisitor>(ref TVisitor v, ref ILinkLayer value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var name = value switch
        {
            IBConnectIBInfo => "IBConnectIBInfo",
            IBConnectRoCEInfo => "IBConnectRoCEInfo",
            _ => "",
        };
        v.VariantName(ref name);
        switch (name)
        {
            case "IBConnectIBInfo":
                v.Alternative<TVisitor, ILinkLayer, IBConnectIBInfo>(ref value);
                break;
            case "IBConnectRoCEInfo":
                v.Alternative<TVisitor, ILinkLayer, IBConnectRoCEInfo>(ref value);
                break;
            default:
                SerdeException.ThrowUnknownVariant("IBConnectInfo.linklayer", name);
                break;
        }

        v.EndVariant();
    }
}

internal readonly struct MonitorValueCodec : ISerdeCodec<IMonitorValue>
{
    public static int MinimumBytes => 2;

    public static void Visit<TVisitor>(ref TVisitor v, ref IMonitorValue value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var name = value switch
        {
            MonitorNumber => "long",
            MonitorDistribution => "dist",
            _ => "",
        };
        v.VariantName(ref name);
        switch (name)
        {
            case "long":
                var number = TVisitor.IsReader ? 0L : ((MonitorNumber)value).Value;
                v.Scalar(ref number);
                value = new MonitorNumber(number);
                break;
            case "dist":
                v.Alternative<TVisitor, IMonitorValue, MonitorDistribution>(ref value);
                break;
            default:
                SerdeException.ThrowUnknownVariant("Sample.value", name);
                break;
        }

        v.EndVariant();
    }
}

/// <summary>A layout without chains: only table, chunk size and stripe, the default for a directory's children.</summary>
internal sealed class LayoutEmpty : ILayoutChains
{
    public static readonly LayoutEmpty Instance = new();
}

/// <summary>A counter sample.</summary>
internal sealed class MonitorNumber(long value = 0) : IMonitorValue
{
    public long Value { get; } = value;
}
