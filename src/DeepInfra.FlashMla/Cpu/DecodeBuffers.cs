// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>State and scratch of one block of query rows: slices of scratch memory that disposing gives back.</summary>
internal readonly unsafe ref struct DecodeBuffers
{
    /// <summary>Query rows whose queries, scores and outputs stay in the second-level cache beside a key tile.</summary>
    public const int MaxRows = 64;

    private const int Tile = KeyTile.Capacity;

    private readonly CpuScratch.Lease _lease;

    public DecodeBuffers(in DecodeArguments arguments, int elementBytes)
    {
        Format = arguments.Format;
        HeadDim = arguments.HeadDim;
        Scale2 = (float)(arguments.Scale * SimdMath.Log2E);
        // Columns are processed in pairs of the widest vectors; surplus columns hold zeros.
        KeyStride = RoundUp(arguments.HeadDim, 32);
        ValueStride = RoundUp(arguments.ValueDim, 32);
        NeedsConversion =
            arguments.Format != KvCacheFormat.BFloat16
            || KeyStride != arguments.HeadDim
            || ValueStride > arguments.HeadDim;
        long queryBytes = (long)MaxRows * KeyStride * 4;
        long outputBytes = (long)MaxRows * ValueStride * 4;
        long scoreBytes = 4 * Tile * 4;
        long stagingBytes = (long)KeyStride * 4;
        long rowStateBytes = 5 * MaxRows * 4;
        long pointerBytes = 5 * Tile * sizeof(byte*);
        long keyBytes = NeedsConversion ? (long)Tile * KeyStride * elementBytes : 0;
        _lease = KernelScratch.Rent(
            queryBytes
                + outputBytes
                + scoreBytes
                + stagingBytes
                + rowStateBytes
                + pointerBytes
                + keyBytes
        );
        var memory = _lease.Pointer;
        Query = (float*)memory;
        Output = (float*)(memory += queryBytes);
        Scores = (float*)(memory += outputBytes);
        Staging = (float*)(memory += scoreBytes);
        Max = (float*)(memory += stagingBytes);
        Sum = Max + MaxRows;
        IndexerMax = Sum + MaxRows;
        IndexerSum = IndexerMax + MaxRows;
        Visible = (int*)(IndexerSum + MaxRows);
        Keys = (byte**)(memory += rowStateBytes);
        KeyScratch = memory + pointerBytes;
    }

    public KvCacheFormat Format { get; }

    public int HeadDim { get; }

    /// <summary>Softmax scale times log2(e).</summary>
    public float Scale2 { get; }

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

    /// <summary>One row in natural column order.</summary>
    public float* Staging { get; }

    public float* Max { get; }

    public float* Sum { get; }

    public float* IndexerMax { get; }

    public float* IndexerSum { get; }

    /// <summary>Keys of the current tile that each row sees.</summary>
    public int* Visible { get; }

    /// <summary>Converted rows of the current tile, if rows need conversion.</summary>
    public byte** Keys { get; }

    public byte* KeyScratch { get; }

    /// <summary>Gives the memory back.</summary>
    public void Dispose() => _lease.Dispose();

    /// <summary>An empty tile; two of them alternate.</summary>
    public KeyTile NewTile(int index) =>
        new() { Rows = Keys + (1 + 2 * index) * Tile, Scales = Keys + (2 + 2 * index) * Tile };

    private static int RoundUp(int value, int multiple) =>
        (value + multiple - 1) / multiple * multiple;
}
