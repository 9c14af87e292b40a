// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Tensors;

/// <summary>A tensor in a block of <see cref="AlignedBlockPool"/>.</summary>
internal sealed class PooledTensor : PipelineTensor
{
    private static long s_live;
    private readonly int _byteCount;
    private AlignedBlock? _block;

    public PooledTensor(PipelineDataType dataType, ReadOnlySpan<long> shape, bool? requiresGradient)
        : base(dataType, shape, requiresGradient)
    {
        if (ByteCount > AlignedBlockPool.MaximumBytes)
        {
            throw new NotSupportedException(
                $"pooled tensors hold at most {AlignedBlockPool.MaximumBytes} bytes, asked for {ByteCount}"
            );
        }

        _byteCount = (int)ByteCount;
        _block = AlignedBlockPool.Rent(_byteCount);
        Interlocked.Increment(ref s_live);
    }

    public static long Live => Interlocked.Read(ref s_live);

    public override bool IsReleased => _block is null;

    public override Span<byte> Bytes
    {
        get
        {
            var block = _block;
            ObjectDisposedException.ThrowIf(block is null, this);
            return block.Span(_byteCount);
        }
    }

    public override void ReleaseStorage()
    {
        var block = Interlocked.Exchange(ref _block, null);
        if (block is not null)
        {
            AlignedBlockPool.Return(block);
            Interlocked.Decrement(ref s_live);
        }
    }
}
