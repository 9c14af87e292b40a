// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla.Cpu;

/// <summary>Slices of the thread's scratch buffer for one decode work item.</summary>
internal readonly unsafe struct DecodeBuffers
{
    private const int Tile = 64;
    private const int Rows = 64;

    public DecodeBuffers(in DecodeArguments arguments, int elementBytes)
    {
        // Columns are processed in pairs of the widest vectors; surplus columns hold zeros.
        KeyStride = RoundUp(arguments.HeadDim, 32);
        ValueStride = RoundUp(arguments.ValueDim, 32);
        NeedsConversion =
            arguments.Format != KvCacheFormat.BFloat16
            || KeyStride != arguments.HeadDim
            || ValueStride > arguments.HeadDim;
        var scratchTokens = NeedsConversion ? Tile : 0;
        long queryBytes = (long)Rows * KeyStride * 4;
        long outputBytes = (long)Rows * ValueStride * 4;
        long scoreBytes = 4 * Tile * 4;
        long stagingBytes = (long)KeyStride * 4;
        long rowStateBytes = 2 * Rows * 4;
        long pointerBytes = 2 * Tile * sizeof(byte*);
        long keyBytes = (long)scratchTokens * KeyStride * elementBytes;
        var memory = ThreadScratch.Get(
            queryBytes
                + outputBytes
                + scoreBytes
                + stagingBytes
                + rowStateBytes
                + pointerBytes
                + keyBytes
        );
        Query = (float*)memory;
        Output = (float*)(memory += queryBytes);
        Scores = (float*)(memory += outputBytes);
        Staging = (float*)(memory += scoreBytes);
        Max = (float*)(memory += stagingBytes);
        Sum = Max + Rows;
        Keys = (byte**)(memory += rowStateBytes);
        NextKeys = Keys + Tile;
        KeyScratch = memory + pointerBytes;
    }

    /// <summary>Padded elements of a query or key row.</summary>
    public int KeyStride { get; }

    /// <summary>Padded elements of an output row.</summary>
    public int ValueStride { get; }

    /// <summary>True if cache rows cannot be read in place.</summary>
    public bool NeedsConversion { get; }

    public float* Query { get; }

    public float* Output { get; }

    /// <summary>[4][64].</summary>
    public float* Scores { get; }

    public float* Staging { get; }

    public float* Max { get; }

    public float* Sum { get; }

    public byte** Keys { get; }

    public byte** NextKeys { get; }

    public byte* KeyScratch { get; }

    private static int RoundUp(int value, int multiple) =>
        (value + multiple - 1) / multiple * multiple;
}
