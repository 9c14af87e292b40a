// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.FlashMla.Cpu;

namespace DeepInfra.FlashMla;

public sealed unsafe partial class PagedMlaKvCache
{
    /// <summary>Quantises tokens to the cache's format and stores them at the given slots.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="slots">Int32 <c>[T]</c>, contiguous: block · page + offset; -1 skips the token (padding).</param>
    /// <param name="rows"><c>[T, D]</c> (or <c>[T, KV heads, D]</c>), latent then rotary columns, BFloat16, Float16 or Float32, last axis contiguous.</param>
    /// <exception cref="ArgumentException">A type, shape or stride is wrong, a slot is outside the cache or given twice, or an FP8 tile holds an infinite value (other tokens may be stored then).</exception>
    /// <exception cref="InvalidOperationException">The cache is in device memory: the overload with a stream is for those.</exception>
    /// <remarks>BFloat16 rotary values are stored bit for bit. Slots are not checked for sharing. Allocates nothing when warm.</remarks>
    public void Append(int layer, Tensor<int> slots, Tensor rows)
    {
        RequireHostOverload("Append(layer, slots, rows, stream)");
        ValidateSlots(layer, slots);
        ValidateRows(rows, slots.Shape[0], Options.HeadDim, nameof(rows));
        RequireDistinct(slots);
        RunAppend(
            layer,
            slots.DataPointer,
            (int)slots.Shape[0],
            new RowSource(rows, 0),
            new RowSource(rows, LatentDim),
            LatentDim
        );
        GC.KeepAlive(slots);
        GC.KeepAlive(rows);
    }

    /// <summary>Quantises tokens whose latent and rotary parts are separate tensors and stores them at the given slots.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="slots">Int32 <c>[T]</c>, contiguous; -1 skips the token.</param>
    /// <param name="latent"><c>[T, L]</c>; L is 512 for 656-byte rows and 448 for 584-byte rows.</param>
    /// <param name="rope"><c>[T, D - L]</c>.</param>
    /// <exception cref="ArgumentException">As for the packed overload.</exception>
    /// <exception cref="InvalidOperationException">The cache is in device memory: the overload with a stream is for those.</exception>
    public void Append(int layer, Tensor<int> slots, Tensor latent, Tensor rope)
    {
        RequireHostOverload("Append(layer, slots, latent, rope, stream)");
        ValidateSlots(layer, slots);
        var latentDim = ValidateParts(slots, latent, rope);
        RequireDistinct(slots);
        RunAppend(
            layer,
            slots.DataPointer,
            (int)slots.Shape[0],
            new RowSource(latent, 0),
            new RowSource(rope, 0),
            latentDim
        );
        GC.KeepAlive(slots);
        GC.KeepAlive(latent);
        GC.KeepAlive(rope);
    }

    /// <summary>Quantises tokens and stores them at consecutive positions of a sequence.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="sequence">A live sequence of this cache, already extended over these positions.</param>
    /// <param name="position">Position of the first token.</param>
    /// <param name="rows"><c>[T, D]</c> (or <c>[T, KV heads, D]</c>), as for the overload with slots.</param>
    /// <exception cref="BlockOwnershipException">A block of these positions is shared with another sequence, or the sequence is not of this cache.</exception>
    /// <exception cref="ArgumentException">As for the overload with slots, or positions outside the sequence.</exception>
    public void Append(int layer, MlaSequence sequence, int position, Tensor rows)
    {
        RequireHost("Appending by position");
        RequireLayer(layer);
        RequireOwned(sequence);
        ArgumentCheck.Alive(rows);
        var count = rows.Rank > 0 ? checked((int)rows.Shape[0]) : 0;
        ValidateRows(rows, count, Options.HeadDim, nameof(rows));
        RequireRange(sequence, position, count);
        if (count == 0)
            return;
        for (var b = position / PageSize; b <= (position + count - 1) / PageSize; b++)
            if (Allocator.ReferenceCount(sequence.Blocks[b]) > 1)
                throw new BlockOwnershipException(
                    $"Position {Math.Max(position, b * PageSize)} lies in block {sequence.Blocks[b]}, which another sequence shares."
                );
        var slots = stackalloc int[128];
        for (var done = 0; done < count; done += 128)
        {
            var part = Math.Min(128, count - done);
            GetSlots(sequence, position + done, new Span<int>(slots, part));
            RunAppend(
                layer,
                slots,
                part,
                new RowSource(rows, 0),
                new RowSource(rows, LatentDim),
                LatentDim,
                done
            );
        }
        GC.KeepAlive(rows);
    }

    /// <summary>Reads tokens back as plain rows, dequantised.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="slots">Int32 <c>[T]</c>, contiguous; -1 gives a row of zeros.</param>
    /// <param name="destination">Receives <c>[T, D]</c> (or <c>[T, KV heads, D]</c>), BFloat16, Float16 or Float32, last axis contiguous.</param>
    /// <exception cref="ArgumentException">A type, shape or stride is wrong, or a slot is outside the cache.</exception>
    public void Gather(int layer, Tensor<int> slots, Tensor destination)
    {
        RequireHost(nameof(Gather));
        ValidateSlots(layer, slots);
        ValidateRows(destination, slots.Shape[0], Options.HeadDim, nameof(destination));
        ArgumentCheck.NoRepetition(destination, nameof(destination));
        RunGather(layer, slots.DataPointer, (int)slots.Shape[0], destination, 0);
        GC.KeepAlive(slots);
    }

    /// <summary>Reads consecutive tokens of a sequence back as plain rows, dequantised.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="sequence">A live sequence of this cache.</param>
    /// <param name="position">Position of the first token.</param>
    /// <param name="destination">Receives <c>[T, D]</c> (or <c>[T, KV heads, D]</c>).</param>
    /// <exception cref="ArgumentException">As for the overload with slots, or positions outside the sequence.</exception>
    public void Gather(int layer, MlaSequence sequence, int position, Tensor destination)
    {
        RequireHost(nameof(Gather));
        RequireLayer(layer);
        RequireOwned(sequence);
        ArgumentCheck.Alive(destination);
        var count = destination.Rank > 0 ? checked((int)destination.Shape[0]) : 0;
        ValidateRows(destination, count, Options.HeadDim, nameof(destination));
        ArgumentCheck.NoRepetition(destination, nameof(destination));
        RequireRange(sequence, position, count);
        var slots = stackalloc int[128];
        for (var done = 0; done < count; done += 128)
        {
            var part = Math.Min(128, count - done);
            GetSlots(sequence, position + done, new Span<int>(slots, part));
            RunGather(layer, slots, part, destination, done);
        }
    }

    /// <summary>Columns of a row that are quantised; plain formats have no such border, so all of them.</summary>
    private int LatentDim =>
        Options.Format switch
        {
            KvCacheFormat.Fp8V32 => KvLayout.V32Latent,
            KvCacheFormat.Fp8Model1 => KvLayout.Model1Latent,
            _ => Options.HeadDim,
        };

    private void RunAppend(
        int layer,
        int* slots,
        int count,
        RowSource latent,
        RowSource rope,
        int latentDim,
        int firstToken = 0
    )
    {
        var tensor = _tensors[layer];
        var work = new AppendWork
        {
            Cache = (byte*)tensor.DataPointer,
            Format = Options.Format,
            ScaleFormat = Options.ScaleFormat,
            BlockStrideBytes = tensor.Strides[0] * DTypes.SizeInBytes(tensor.DType),
            PageSize = PageSize,
            KvHeads = Options.KvHeads,
            HeadDim = Options.HeadDim,
            Slots = slots,
            FirstToken = firstToken,
            TokenCount = count,
            Latent = latent,
            Rope = rope,
            LatentDim = latentDim,
            Tier = Options.Cpu.Tier,
        };
        CpuParallel.Run(
            (count + AppendWork.TokensPerItem - 1) / AppendWork.TokensPerItem,
            ref work,
            Options.Cpu.MaxDegreeOfParallelism
        );
        FlashMlaMeter.Count(FlashMlaMeter.Append, count);
    }

    private void RunGather(int layer, int* slots, int count, Tensor destination, int firstToken)
    {
        var tensor = _tensors[layer];
        var bytes = DTypes.SizeInBytes(tensor.DType);
        var work = new GatherWork
        {
            Cache = (byte*)tensor.DataPointer,
            Format = Options.Format,
            BlockStrideBytes = tensor.Strides[0] * bytes,
            RowStrideBytes = tensor.Strides[1] * bytes,
            HeadStrideBytes = tensor.Strides[2] * bytes,
            PageSize = PageSize,
            KvHeads = Options.KvHeads,
            HeadDim = Options.HeadDim,
            Slots = slots,
            FirstToken = firstToken,
            TokenCount = count,
            Destination = new RowSource(destination, 0),
        };
        CpuParallel.Run(
            (count + GatherWork.TokensPerItem - 1) / GatherWork.TokensPerItem,
            ref work,
            Options.Cpu.MaxDegreeOfParallelism
        );
        GC.KeepAlive(destination);
        FlashMlaMeter.Count(FlashMlaMeter.Gather, count);
    }

    private void ValidateSlots(int layer, Tensor<int> slots)
    {
        RequireLayer(layer);
        ArgumentCheck.Alive(slots);
        ArgumentCheck.Rank(slots, 1, "[T]", nameof(slots));
        ArgumentCheck.LastAxisContiguous(slots, nameof(slots));
        RequireDevice(slots, nameof(slots));
        var total = (long)BlockCount * PageSize;
        for (long i = 0; i < slots.Shape[0]; i++)
            if (slots.DataPointer[i] < -1 || slots.DataPointer[i] >= total)
                throw new ArgumentException(
                    $"slots[{i}]: expected -1 or a value in [0,{total}), got {slots.DataPointer[i]}",
                    nameof(slots)
                );
    }

    private static void RequireDistinct(Tensor<int> slots)
    {
        var (repeated, original) = DistinctSlots.Find(slots.DataPointer, (int)slots.Shape[0]);
        if (repeated >= 0)
            throw new ArgumentException(
                $"slots[{repeated}]: expected every slot at most once, got {slots.DataPointer[repeated]}, which slots[{original}] has, too",
                nameof(slots)
            );
    }

    private void ValidateRows(Tensor rows, long tokens, int columns, string name)
    {
        ArgumentCheck.Alive(rows, name);
        ArgumentCheck.FloatType(rows, name);
        var withHeads = rows.Rank == 3;
        if (rows.Rank is not (2 or 3) || (rows.Rank == 2 && Options.KvHeads != 1))
            throw new ArgumentException(
                $"{name}: expected [T, {Options.KvHeads}, {columns}], got {rows.Shape}",
                name
            );
        ArgumentCheck.Shape(
            rows,
            withHeads ? [tokens, Options.KvHeads, columns] : [tokens, columns],
            name
        );
        if (columns > 0)
            ArgumentCheck.LastAxisContiguous(rows, name);
        RequireDevice(rows, name);
    }

    /// <summary>Checks rows in two parts, and tells how many columns the first has.</summary>
    private int ValidateParts(Tensor<int> slots, Tensor latent, Tensor rope)
    {
        ArgumentCheck.Alive(latent);
        ArgumentCheck.Alive(rope);
        var latentDim =
            KvLayout.IsFp8(Options.Format) || latent.Rank == 0 || latent.Shape[-1] > Options.HeadDim
                ? LatentDim
                : (int)latent.Shape[-1];
        ValidateRows(latent, slots.Shape[0], latentDim, nameof(latent));
        ValidateRows(rope, slots.Shape[0], Options.HeadDim - latentDim, nameof(rope));
        return latentDim;
    }
}
