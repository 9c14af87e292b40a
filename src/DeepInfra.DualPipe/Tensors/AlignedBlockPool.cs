// SPDX-License-Identifier: MIT
using System.Numerics;

namespace DeepInfra.DualPipe.Tensors;

/// <summary>
/// Process-wide pool of aligned blocks. Sizes step by a quarter of a power of two, so that at most a
/// fifth of a block is unused.
/// </summary>
internal static class AlignedBlockPool
{
    public const int MaximumBytes = 0x7000_0000;
    private const int MinimumLog = 8;
    private const int BucketCount = (31 - MinimumLog) * 4;
    private const long RetainedBytesPerBucket = 128L << 20;
    private const int RetainedBlocksPerBucket = 256;
    private static readonly Bucket[] s_buckets = CreateBuckets();

    public static AlignedBlock Rent(int bytes)
    {
        var index = BucketOf(bytes);
        return s_buckets[index].TryPop() ?? new AlignedBlock(Capacity(index), index);
    }

    public static void Return(AlignedBlock block) => s_buckets[block.Bucket].Push(block);

    internal static int BucketOf(int bytes)
    {
        if (bytes <= 1 << MinimumLog)
        {
            return 0;
        }

        var log = BitOperations.Log2((uint)bytes - 1);
        var quarter = (bytes - 1 - (1 << log)) >> (log - 2);
        return ((log - MinimumLog) * 4) + quarter + 1;
    }

    internal static int Capacity(int bucket)
    {
        if (bucket == 0)
        {
            return 1 << MinimumLog;
        }

        var log = MinimumLog + ((bucket - 1) / 4);
        return (1 << log) + ((((bucket - 1) % 4) + 1) << (log - 2));
    }

    private static Bucket[] CreateBuckets()
    {
        var buckets = new Bucket[BucketCount];
        for (var i = 0; i < BucketCount; i++)
        {
            var limit = Math.Clamp(
                RetainedBytesPerBucket / Capacity(i),
                1,
                RetainedBlocksPerBucket
            );
            buckets[i] = new Bucket((int)limit);
        }

        return buckets;
    }

    private sealed class Bucket(int limit)
    {
        private readonly Lock _lock = new();
        private readonly AlignedBlock?[] _blocks = new AlignedBlock?[limit];
        private int _count;

        public AlignedBlock? TryPop()
        {
            lock (_lock)
            {
                if (_count == 0)
                {
                    return null;
                }

                var block = _blocks[--_count];
                _blocks[_count] = null;
                return block;
            }
        }

        public void Push(AlignedBlock block)
        {
            lock (_lock)
            {
                if (_count < _blocks.Length)
                {
                    _blocks[_count++] = block;
                }
            }
        }
    }
}
