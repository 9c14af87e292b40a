// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepInfra.Ep.Cpu;

/// <summary>Copies rows, past the caches where the output is larger than they are.</summary>
internal static unsafe class RowCopy
{
    private const long FallbackCacheBytes = 16L << 20;
    private const int PrefetchBytes = 1024;

    /// <summary>Outputs above this many bytes are written with non-temporal stores: half of the last-level cache.</summary>
    public static readonly long StreamingThreshold = LastLevelCacheBytes() / 2;

    /// <summary>Copies a row. With <paramref name="stream"/> call <see cref="Fence"/> before signalling.</summary>
    public static void Copy(byte* target, byte* source, long bytes, bool stream)
    {
        if (!stream || bytes < 256)
        {
            Buffer.MemoryCopy(source, target, bytes, bytes);
            return;
        }
        // Non-temporal stores want aligned addresses.
        var head = (int)(-(nint)target & 63);
        if (head != 0)
        {
            Buffer.MemoryCopy(source, target, head, head);
            source += head;
            target += head;
            bytes -= head;
        }
        if (Vector512.IsHardwareAccelerated)
            Stream512(ref target, ref source, ref bytes);
        else if (Vector256.IsHardwareAccelerated)
            Stream256(ref target, ref source, ref bytes);
        if (bytes > 0)
            Buffer.MemoryCopy(source, target, bytes, bytes);
    }

    /// <summary>Orders non-temporal stores before later stores.</summary>
    public static void Fence()
    {
        if (Sse.IsSupported)
            Sse.StoreFence();
        else
            Thread.MemoryBarrier();
    }

    /// <summary>Asks for a cache line that will be read soon. Any address will do, mapped or not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(byte* address)
    {
        if (Sse.IsSupported)
            Sse.Prefetch0(address);
    }

    private static void Stream512(ref byte* target, ref byte* source, ref long bytes)
    {
        for (; bytes >= 256; bytes -= 256, source += 256, target += 256)
        {
            // Rows begin anew often; hardware prefetchers take a while to notice.
            Prefetch(source + PrefetchBytes);
            Prefetch(source + PrefetchBytes + 64);
            Prefetch(source + PrefetchBytes + 128);
            Prefetch(source + PrefetchBytes + 192);
            var a = Vector512.Load(source);
            var b = Vector512.Load(source + 64);
            var c = Vector512.Load(source + 128);
            var d = Vector512.Load(source + 192);
            a.StoreAlignedNonTemporal(target);
            b.StoreAlignedNonTemporal(target + 64);
            c.StoreAlignedNonTemporal(target + 128);
            d.StoreAlignedNonTemporal(target + 192);
        }
        for (; bytes >= 64; bytes -= 64, source += 64, target += 64)
            Vector512.Load(source).StoreAlignedNonTemporal(target);
    }

    private static void Stream256(ref byte* target, ref byte* source, ref long bytes)
    {
        for (; bytes >= 64; bytes -= 64, source += 64, target += 64)
        {
            Prefetch(source + PrefetchBytes);
            var a = Vector256.Load(source);
            var b = Vector256.Load(source + 32);
            a.StoreAlignedNonTemporal(target);
            b.StoreAlignedNonTemporal(target + 32);
        }
    }

    private static long LastLevelCacheBytes()
    {
        long largest = 0;
        try
        {
            for (var index = 0; index < 5; index++)
            {
                var path = $"/sys/devices/system/cpu/cpu0/cache/index{index}/size";
                if (!File.Exists(path))
                    break;
                var text = File.ReadAllText(path).Trim();
                var unit =
                    text.EndsWith('K') ? 1L << 10
                    : text.EndsWith('M') ? 1L << 20
                    : 1;
                if (
                    long.TryParse(
                        text.TrimEnd('K', 'M'),
                        NumberStyles.None,
                        CultureInfo.InvariantCulture,
                        out var size
                    )
                )
                    largest = Math.Max(largest, size * unit);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The size only picks a copy method.
        }
        return largest > 0 ? largest : FallbackCacheBytes;
    }
}
