// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla.Cpu;

/// <summary>Slices of the thread's scratch buffer for one decode work item.</summary>
internal readonly unsafe struct DecodeBuffers
{
    private const int Tile = 64;
    private const int MaxRows = 64;

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
        long queryBytes = (long)MaxRows * KeyStride * 4;
        long outputBytes = (long)MaxRows * ValueStride * 4;
        long scoreBytes = 4 * Tile * 4;
        long stagingBytes = (long)KeyStride * 4;
        long rowStateBytes = 2 * MaxRows * 4;
        long pointerBytes = 3 * Tile * sizeof(byte*);
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
        Sum = Max + MaxRows;
        Keys = (byte**)(memory += rowStateBytes);
        Rows = Keys + Tile;
        NextRows = Rows + Tile;
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

    /// <summary>Converted rows of the current tile, if rows need conversion.</summary>
    public byte** Keys { get; }

    /// <summary>Stored rows of the current tile.</summary>
    public byte** Rows { get; }

    /// <summary>Stored rows of the next tile.</summary>
    public byte** NextRows { get; }

    public byte* KeyScratch { get; }

    private static int RoundUp(int value, int multiple) =>
        (value + multiple - 1) / multiple * multiple;
}
