// SPDX-License-Identifier: MIT
using System.Text.Json;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;
using FsCheck.Xunit;

namespace DeepInfra.Fs.Tests.Wire;

public sealed class Crc32CTests
{
    [Fact]
    public void Append_CheckString_GivesThePublishedValue()
    {
        var register = Crc32C.Append(uint.MaxValue, "123456789"u8);

        (~register).Should().Be(0xE3069283);
        Crc32C.Append(0, "123456789"u8).Should().Be(0x58e3fa20);
        FrameHeader.ChecksumOf("123456789"u8, compressed: false).Should().Be(0x58e3fa86);
    }

    [Fact]
    public void Append_RecordedData_GivesTheRecordedChecksums()
    {
        foreach (var entry in Golden.Entries("checksum"))
        {
            var data = Data(entry);
            Crc32C.Append(0, data).Should().Be(entry.GetProperty("crc32c_start0").GetUInt32());
            Crc32C
                .ChunkChecksum(data)
                .Should()
                .Be(entry.GetProperty("crc32c_startFFFFFFFF").GetUInt32());
            Crc32C
                .ChunkChecksum(data)
                .Should()
                .Be(entry.GetProperty("checksumInfoCRC32C").GetUInt32());
            FrameHeader
                .ChecksumOf(data, compressed: false)
                .Should()
                .Be(entry.GetProperty("headerChecksum").GetUInt32());
            FrameHeader
                .ChecksumOf(data, compressed: true)
                .Should()
                .Be(entry.GetProperty("headerChecksumCompressed").GetUInt32());
        }
    }

    [Fact]
    public void CombineChunk_RecordedParts_GivesTheRecordedWhole()
    {
        var combined = 0;
        foreach (var entry in Golden.Entries("checksum"))
        {
            if (!entry.TryGetProperty("split", out var split))
            {
                continue;
            }

            var second = (ulong)(entry.GetProperty("length").GetInt32() - split.GetInt32());
            Crc32C
                .CombineChunk(
                    entry.GetProperty("partA").GetUInt32(),
                    entry.GetProperty("partB").GetUInt32(),
                    second
                )
                .Should()
                .Be(entry.GetProperty("combined").GetUInt32());
            combined++;
        }

        combined.Should().BePositive();
    }

    [Fact]
    public void Append_EveryLengthAroundTheBlocks_EqualsTheSingleStream()
    {
        var random = new Random(11);
        var data = new byte[40_000];
        random.NextBytes(data);
        int[] lengths =
        [
            .. Enumerable.Range(0, 2000),
            12287,
            12288,
            12289,
            13056,
            24576,
            25345,
            40_000,
        ];
        foreach (var length in lengths)
        {
            var offset = length < 39_000 ? length % 7 : 0;
            var span = data.AsSpan(offset, length);
            Crc32C.Append(0x12345678, span).Should().Be(Crc32C.AppendReference(0x12345678, span));
        }
    }

    [Property(MaxTest = 200)]
    public bool AppendKnown_AnySplit_EqualsReadingTheBytes(byte[] head, byte[] data, byte[] tail)
    {
        byte[] all = [.. head, .. data, .. tail];
        var register = Crc32C.Append(0, head);
        register = Crc32C.AppendKnown(register, Crc32C.ChunkChecksum(data), (ulong)data.Length);
        register = Crc32C.Append(register, tail);
        return register == Crc32C.Append(0, all);
    }

    [Fact]
    public void Shift_LongRun_EqualsAppendingZeros()
    {
        var zeros = new byte[1 << 20];
        var register = 0xDEADBEEF;
        for (var i = 0; i < 5; i++)
        {
            register = Crc32C.Append(register, zeros);
        }

        Crc32C.Shift(0xDEADBEEF, 5ul << 20).Should().Be(register);
    }

    [Fact]
    public async Task Append_WithoutProcessorInstructions_GivesTheSame()
    {
        // The software path cannot be chosen in this process: the same tests run in one without instructions.
        if (Environment.GetEnvironmentVariable("DOTNET_EnableHWIntrinsic") == "0")
        {
            System.Runtime.Intrinsics.X86.Sse42.IsSupported.Should().BeFalse();
            return;
        }

        var start = new System.Diagnostics.ProcessStartInfo(Environment.ProcessPath!)
        {
            ArgumentList = { "--filter-class", typeof(Crc32CTests).FullName! },
            Environment = { ["DOTNET_EnableHWIntrinsic"] = "0" },
            RedirectStandardOutput = true,
        };
        using var child = System.Diagnostics.Process.Start(start)!;
        var output = await child.StandardOutput.ReadToEndAsync();
        await child.WaitForExitAsync();

        child.ExitCode.Should().Be(0, output);
    }

    [Fact]
    public void ScalarBytes_Reversed_AreBigEndian()
    {
        Span<byte> bytes = stackalloc byte[4];
        ScalarBytes.WriteReversed(bytes, 0x01020304u);

        bytes.ToArray().Should().Equal(1, 2, 3, 4);
        ScalarBytes.ReadReversed<uint>(bytes).Should().Be(0x01020304u);
    }

    private static byte[] Data(JsonElement entry)
    {
        if (entry.TryGetProperty("hex", out _))
        {
            return entry.Hex("hex");
        }

        var mul = entry.GetProperty("mul").GetInt32();
        var add = entry.GetProperty("add").GetInt32();
        var data = new byte[entry.GetProperty("length").GetInt32()];
        for (var i = 0; i < data.Length; i++)
        {
            data[i] = (byte)((i * mul) + add);
        }

        return data;
    }
}
