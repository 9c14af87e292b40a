// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>
/// One growing 64-byte aligned buffer per thread, so that kernels allocate nothing when warm. Contents do not
/// survive the next <see cref="Get"/> on the same thread; the finalizer frees the buffer of a dead thread.
/// </summary>
internal sealed unsafe class ThreadScratch
{
    [ThreadStatic]
    private static ThreadScratch? t_instance;

    private void* _buffer;
    private nuint _bytes;

    ~ThreadScratch() => NativeMemory.AlignedFree(_buffer);

    public static byte* Get(long bytes)
    {
        var scratch = t_instance ??= new ThreadScratch();
        var size = checked((nuint)bytes);
        if (size > scratch._bytes)
        {
            NativeMemory.AlignedFree(scratch._buffer);
            scratch._buffer = null;
            scratch._bytes = 0;
            scratch._buffer = NativeMemory.AlignedAlloc(size + 4096, 64);
            scratch._bytes = size;
        }
        return (byte*)scratch._buffer;
    }
}
