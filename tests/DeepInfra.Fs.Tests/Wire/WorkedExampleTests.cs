// SPDX-License-Identifier: MIT
using System.Text.Json;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Wire;

/// <summary>Values and frames whose bytes were worked out by hand from the rules of the protocol.</summary>
public sealed class WorkedExampleTests
{
    private const string Uuid = "000102030405060708090a0b0c0d0e0f";
    private const string UuidJson = """{"$uuid":"00010203-0405-0607-0809-0a0b0c0d0e0f"}""";
    private const string Chunk = "10 00 00 0000000000001001 0000 00000002";
    private const string ChunkJson = """{"$hex":"00000000000000001001000000000002"}""";
    private const string Range =
        "29 01000000 01000000 00000800 04000000 0a 436861696e52616e6765 0d 01000000 01 2a00000000000000";
    private const string RangeJson =
        """{"tableId":1,"tableVersion":1,"chunkSize":524288,"stripeSize":4,"chains":{"$variant":"ChainRange","value":{"baseIndex":1,"shuffle":1,"seed":42}}}""";

    public static TheoryData<string, string, string> Values() =>
        new()
        {
            {
                "flat::UserInfo",
                "15 e8030000 e8030000 02 0a000000 14000000 03 746f6b",
                """{"uid":1000,"gid":1000,"groups":[10,20],"token":"tok"}"""
            },
            {
                "address(ip4,u16 port,u16 type)",
                "7f000001 401f 0000",
                """{"$addr":"127.0.0.1","port":8000,"type":"TCP"}"""
            },
            {
                "address(ip4,u16 port,u16 type)",
                "c0a80101 401f 0100",
                """{"$addr":"192.168.1.1","port":8000,"type":"RDMA"}"""
            },
            {
                "flat::ServiceGroupInfo",
                "17 01 0c 53746f726167655365726465 01 7f000001401f0000",
                """{"services":["StorageSerde"],"endpoints":[{"$addr":"127.0.0.1","port":8000,"type":"TCP"}]}"""
            },
            { "result<void>", "00 b80b 01 02 6e6f", """{"$error":{"code":3000,"msg":"no"}}""" },
            { "result<void>", "00 b80b 00", """{"$error":{"code":3000,"msg":null}}""" },
            {
                "meta::Layout",
                "17 01000000 00000000 00000800 04000000 05 456d707479 00",
                """{"tableId":1,"tableVersion":0,"chunkSize":524288,"stripeSize":4,"chains":{"$variant":"Empty","value":{"$pad":0}}}"""
            },
            { "meta::Layout", Range, RangeJson },
            {
                "meta::Layout",
                "24 01000000 01000000 00000800 02000000 09 436861696e4c697374 09 02 03000000 05000000",
                """{"tableId":1,"tableVersion":1,"chunkSize":524288,"stripeSize":2,"chains":{"$variant":"ChainList","value":{"chainIndexes":[3,5]}}}"""
            },
            {
                "storage::IOResult",
                "17 01 00100000 03000000 03000000 05 00 00000000 03000000",
                """{"lengthInfo":{"$ok":4096},"commitVer":3,"updateVer":3,"checksum":{"type":0,"value":0},"commitChainVer":3}"""
            },
            {
                "meta::StatReq",
                $"32 0a e8030000 e8030000 00 00 12 {Uuid} 01 68 00000000 00000000000000000000000000000000"
                    + " 12 0d 0000000000000000 01 03 612f62 00040000",
                """{"user":{"uid":1000,"gid":1000,"groups":[],"token":""},"client":{"uuid":"""
                    + UuidJson
                    + ""","hostname":"h"},"forward":0,"uuid":{"$uuid":"00000000-0000-0000-0000-000000000000"},"path":{"parent":0,"path":"a/b"},"flags":1024}"""
            },
            {
                "result<meta::StatRsp>",
                $"01 00 7d 73 04 46696c65 42 0000100000000000 0000000000000000 {Range} 00000000 00000000"
                    + " 10 e8030000 e8030000 a4010000 00000000 0100"
                    + " 00c07969fffc0500 00c07969fffc0500 00c07969fffc0500 08 0110000000000000",
                """{"$ok":{"dummy":{"$void":true},"stat":{"type":{"$variant":"File","value":{"length":1048576,"truncateVer":0,"layout":"""
                    + RangeJson
                    + ""","flags":0,"dynStripe":0}},"acl":{"uid":1000,"gid":1000,"perm":420,"iflags":0},"nlink":1,"atime":1685548800000000,"ctime":1685548800000000,"mtime":1685548800000000,"id":4097}}}"""
            },
            {
                "hash_map<u32,map<u32,flat::ChainTable>>",
                "01 01000000 01 01000000 12 01000000 01000000 02 a1bb0d00 a2bb0d00 00",
                """[[1,[[1,{"chainTableId":1,"chainTableVersion":1,"chains":[900001,900002],"desc":""}]]]]"""
            },
            {
                "variant<flat::HeartbeatInfo.info>",
                "14 53746f72616765486561727462656174496e666f"
                    + " 1d 01 1b 888a010000000000 01 01 00000000 0000000000000000 03000000 00",
                """{"$variant":"StorageHeartbeatInfo","value":{"targets":[{"targetId":101000,"localState":1,"diskIndex":0,"usedSize":0,"chainVersion":3,"lowSpace":false}]}}"""
            },
            {
                "storage::ReadIO",
                $"34 00000000 00100000 1a 08 a1bb0d00 03000000 {Chunk} 0000000000000000 0010000000000000 00",
                """{"offset":0,"length":4096,"key":{"vChainId":{"chainId":900001,"chainVer":3},"chunkId":"""
                    + ChunkJson
                    + """},"rdmabuf":{"addr":0,"size":4096,"rkeys":[]}}"""
            },
            {
                "storage::WriteReq",
                $"8a01 4a 00000000 05000000 00000800 1a 08 a1bb0d00 03000000 {Chunk}"
                    + " 0000000000000000 0500000000000000 00 00000000 01 05 01 b3448e65 06 05 68656c6c6f"
                    + $" 26 12 {Uuid} 01 68 0800000000000000 0a 0100 0100000000000000 00000000"
                    + " 0a 0000000000000000 00 00 04000000 04 00 00 0000",
                """{"payload":{"offset":0,"length":5,"chunkSize":524288,"key":{"vChainId":{"chainId":900001,"chainVer":3},"chunkId":"""
                    + ChunkJson
                    + """},"rdmabuf":{"addr":0,"size":5,"rkeys":[]},"updateVer":0,"updateType":1,"checksum":{"type":1,"value":1703822515},"inlinebuf":{"data":{"$bytes":"68656c6c6f"}}},"tag":{"clientId":{"uuid":"""
                    + UuidJson
                    + ""","hostname":"h"},"requestId":8,"channel":{"id":1,"seqnum":1}},"retryCount":0,"userInfo":{"uid":0,"gid":0,"groups":[],"token":""},"featureFlags":4,"debugFlags":{"injectRandomServerError":false,"injectRandomClientError":false,"numOfInjectPtsBeforeFail":0}}"""
            },
        };

    [Theory]
    [MemberData(nameof(Values))]
    public void Value_WorkedExample_IsTheseBytesAndBack(string type, string hex, string json)
    {
        var expected = Bytes(hex);
        using var document = JsonDocument.Parse(json);

        var written = WireTypes.Get(type).EncodeJson(document.RootElement);
        var (value, again, left) = WireTypes.Get(type).Decode(expected);

        Convert.ToHexStringLower(written).Should().Be(Convert.ToHexStringLower(expected));
        value!.ToJsonString().Should().Be(json);
        again.Should().Equal(expected);
        left.Should().Be(0);
    }

    /// <summary>A request for routing information, and "hi" to the echo service and back.</summary>
    [Theory]
    [InlineData(
        "86b3a8fa 33000000",
        "32 0100000000000000 d900 0500 0100 07 00 00 00 00000000",
        "1a 19 05 7374616765 0000000000000000 0a 0000000000000000 00 00 00",
        217,
        5,
        1
    )]
    [InlineData(
        "86029da5 1d000000",
        "1c 0100000000000000 1027 0100 0100 07 00 00 00 00000000",
        "04 03 02 6869 00",
        10_000,
        1,
        1
    )]
    [InlineData(
        "86dad6a8 1e000000",
        "1d 0100000000000000 1027 0100 0000 07 00 00 00 00000000",
        "05 01 03 02 6869 00",
        10_000,
        1,
        0
    )]
    public void Frame_WorkedExample_HasThisHeaderAndPacket(
        string header,
        string head,
        string tail,
        ushort service,
        ushort method,
        ushort flags
    )
    {
        var body = Bytes(head + tail);
        var packet = Serde.Read<MessagePacket, StructOf<MessagePacket>>(body);

        packet.Uuid.Should().Be(1);
        packet.ServiceId.Should().Be(service);
        packet.MethodId.Should().Be(method);
        packet.Flags.Should().Be(flags);
        packet.Timestamp.Should().BeNull();
        Serde.ToArray<MessagePacket, StructOf<MessagePacket>>(packet).Should().Equal(body);
        var written = new byte[FrameHeader.Bytes];
        new FrameHeader(FrameHeader.ChecksumOf(body, compressed: false), (uint)body.Length).Write(
            written
        );
        written.Should().Equal(Bytes(header));
    }

    private static byte[] Bytes(string hex) =>
        Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
}
