// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

/// <summary>
/// A registered memory region of an RDMA peer. Over TCP only <see cref="Size"/> matters: servers check it against
/// the length of a read even when the data travels inline.
/// </summary>
internal struct RdmaRemoteBuf
{
    /// <summary>Devices beyond the fourth are not read, whatever the count says.</summary>
    public const int MaximumKeys = 4;

    public ulong Address;
    public ulong Size;
    public List<RdmaRemoteKey>? Keys;
}

/// <summary>The key of a region on one device.</summary>
internal record struct RdmaRemoteKey(uint Rkey, int DeviceId);

/// <summary>Custom layout without a length prefix.</summary>
internal readonly struct RdmaRemoteBufCodec : ISerdeCodec<RdmaRemoteBuf>
{
    public static int MinimumBytes => 17;

    public static void Visit<TVisitor>(ref TVisitor v, ref RdmaRemoteBuf value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        v.BeginStruct("RDMARemoteBuf");
        v.BeginField("addr");
        v.Scalar(ref value.Address);
        v.BeginField("size");
        v.Scalar(ref value.Size);
        v.BeginField("rkeys");
        var count = v.BeginShortList(Math.Min(value.Keys?.Count ?? 0, RdmaRemoteBuf.MaximumKeys));
        if (TVisitor.IsReader)
        {
            count = Math.Min(count, RdmaRemoteBuf.MaximumKeys);
            value.Keys = null;
        }

        for (var i = 0; i < count; i++)
        {
            var key = TVisitor.IsReader ? default : value.Keys![i];
            v.BeginStruct("RDMARemoteKey");
            v.BeginField("rkey");
            var rkey = key.Rkey;
            v.Scalar(ref rkey);
            v.BeginField("devId");
            var device = key.DeviceId;
            v.Scalar(ref device);
            v.EndStruct();
            if (TVisitor.IsReader)
            {
                (value.Keys ??= []).Add(new RdmaRemoteKey(rkey, device));
            }
        }

        v.EndList();
        v.EndStruct();
    }
}
