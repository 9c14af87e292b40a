// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using DeepInfra.Core;

namespace DeepInfra.Ep.LowLatency;

/// <summary>
/// LogFMT-10 (DeepEP's low-latency combine): a sign and a 9-bit position on a logarithmic scale between the
/// smallest and largest magnitude of 128 channels. A row is the (largest, smallest) pairs of all groups,
/// then its blocks one after the other, each compressed (10 bits per value) if every group of it allows, else
/// plain BFloat16. The receiver repeats the decisions from the pairs alone.
/// </summary>
internal static unsafe class LogFmt10
{
    private const int Group = 128;
    private const int GroupBytes = Group / 16 * 20;
    private const float Levels = 510;
    private const float LargestRange = 32;

    /// <summary>Channels per block.</summary>
    public static int BlockChannels(int hidden) => hidden % 1024 == 0 ? 1024 : 512;

    /// <summary>Encodes a row.</summary>
    /// <param name="row">BFloat16 [hidden].</param>
    /// <param name="hidden">A multiple of 512.</param>
    /// <param name="target">Room for the metadata and a plain row.</param>
    /// <returns>Bytes written.</returns>
    public static long Encode(ushort* row, int hidden, byte* target)
    {
        var block = BlockChannels(hidden);
        var meta = (ushort*)target;
        for (var group = 0; group < hidden / Group; group++)
            FindRange(row + group * Group, out meta[2 * group], out meta[2 * group + 1]);
        var output = target + LowLatencyLayout.MetadataBytes(hidden);
        for (var first = 0; first < hidden; first += block)
        {
            if (!IsCompressed(meta, first / Group, block / Group))
            {
                Buffer.MemoryCopy(row + first, output, 2L * block, 2L * block);
                output += 2L * block;
                continue;
            }
            for (var channel = first; channel < first + block; channel += Group)
            {
                var scale = Scale.From(meta + channel / Group * 2);
                for (var i = 0; i < Group; i += 16, output += 20)
                    EncodeSixteen(row + channel + i, scale, output);
            }
        }
        return output - target;
    }

    /// <summary>Decodes a row.</summary>
    public static void Decode(byte* source, int hidden, float* row)
    {
        var block = BlockChannels(hidden);
        var meta = (ushort*)source;
        var input = source + LowLatencyLayout.MetadataBytes(hidden);
        for (var first = 0; first < hidden; first += block)
        {
            if (!IsCompressed(meta, first / Group, block / Group))
            {
                for (var i = 0; i < block; i++)
                    row[first + i] = (float)BFloat16.FromBits(((ushort*)input)[i]);
                input += 2L * block;
                continue;
            }
            for (var channel = first; channel < first + block; channel += Group)
            {
                var scale = Scale.From(meta + channel / Group * 2);
                for (var i = 0; i < Group; i += 16, input += 20)
                    DecodeSixteen(input, scale, row + channel + i);
            }
        }
    }

    /// <summary>Bytes of an encoded row, from its metadata.</summary>
    public static long EncodedBytes(byte* source, int hidden)
    {
        var block = BlockChannels(hidden);
        var bytes = LowLatencyLayout.MetadataBytes(hidden);
        for (var first = 0; first < hidden; first += block)
            bytes += IsCompressed((ushort*)source, first / Group, block / Group)
                ? block / Group * (long)GroupBytes
                : 2L * block;
        return bytes;
    }

    private static void FindRange(ushort* values, out ushort largest, out ushort smallest)
    {
        // Magnitudes of one sign compare as integers; NaN is above all, and keeps its block plain.
        largest = 0;
        smallest = 0x7FFF;
        for (var i = 0; i < Group; i++)
        {
            var magnitude = (ushort)(values[i] & 0x7FFF);
            largest = Math.Max(largest, magnitude);
            smallest = Math.Min(smallest, magnitude);
        }
    }

    private static bool IsCompressed(ushort* meta, int firstGroup, int groups)
    {
        for (var group = firstGroup; group < firstGroup + groups; group++)
        {
            var scale = Scale.From(meta + 2 * group);
            if (!(scale.LogMax < 0 && scale.LogMin < scale.LogMax))
                return false;
        }
        return true;
    }

    private static void EncodeSixteen(ushort* values, in Scale scale, byte* target)
    {
        ulong low = 0,
            high = 0;
        uint last = 0;
        ushort signs = 0;
        for (var i = 0; i < 16; i++)
        {
            var magnitude = (float)BFloat16.FromBits((ushort)(values[i] & 0x7FFF));
            var position = (MathF.Log2(magnitude) - scale.LogMin) / scale.Step + scale.Offset;
            var code = (ulong)MathF.Floor(MathF.Max(position, 0)) & 0x1FF;
            signs |= (ushort)(values[i] >> 15 << i);
            var bit = i * 9;
            if (bit < 64)
            {
                low |= code << bit;
                if (bit > 55)
                    high |= code >> (64 - bit);
            }
            else if (bit < 128)
            {
                high |= code << (bit - 64);
                if (bit > 119)
                    last |= (uint)(code >> (128 - bit));
            }
            else
            {
                last |= (uint)code << (bit - 128);
            }
        }
        BinaryPrimitives.WriteUInt64LittleEndian(new Span<byte>(target, 8), low);
        BinaryPrimitives.WriteUInt64LittleEndian(new Span<byte>(target + 8, 8), high);
        BinaryPrimitives.WriteUInt32LittleEndian(
            new Span<byte>(target + 16, 4),
            last | (uint)signs << 16
        );
    }

    private static void DecodeSixteen(byte* source, in Scale scale, float* values)
    {
        var low = BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>(source, 8));
        var high = BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>(source + 8, 8));
        var last = BinaryPrimitives.ReadUInt32LittleEndian(new ReadOnlySpan<byte>(source + 16, 4));
        var signs = last >> 16;
        for (var i = 0; i < 16; i++)
        {
            var bit = i * 9;
            ulong code;
            if (bit < 64)
                code = low >> bit | (bit > 55 ? high << (64 - bit) : 0);
            else if (bit < 128)
                code = high >> (bit - 64) | (bit > 119 ? (ulong)last << (128 - bit) : 0);
            else
                code = last >> (bit - 128);
            code &= 0x1FF;
            var value = code == 0 ? 0 : MathF.Pow(2, (code - 1) * scale.Step + scale.LogMin);
            values[i] = (signs >> i & 1) != 0 ? -value : value;
        }
    }

    /// <summary>The logarithmic scale of one group.</summary>
    private readonly struct Scale
    {
        public readonly float LogMax;
        public readonly float LogMin;
        public readonly float Step;

        /// <summary>Makes flooring round to the nearest value rather than the nearest logarithm.</summary>
        public readonly float Offset;

        private Scale(float logMax, float logMin)
        {
            LogMax = logMax;
            LogMin = logMin;
            Step = (logMax - logMin) / Levels;
            Offset = 2 - MathF.Log2((1 + MathF.Pow(2, Step)) / 2) / Step;
        }

        public static Scale From(ushort* pair)
        {
            var logMax = MathF.Log2((float)BFloat16.FromBits(pair[0]));
            var logMin = MathF.Log2((float)BFloat16.FromBits(pair[1]));
            return new Scale(logMax, MathF.Max(logMin, logMax - LargestRange));
        }
    }
}
