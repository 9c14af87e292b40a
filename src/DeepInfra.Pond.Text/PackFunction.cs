// SPDX-License-Identifier: MIT
using Apache.Arrow;

namespace DeepInfra.Pond.Text;

/// <summary>Packs the documents of one partition and proves that no token was lost or repeated.</summary>
internal sealed class PackFunction(PackOptions options)
{
    public IEnumerable<RecordBatch> Run(
        IEnumerable<RecordBatch> batches,
        PondFunctionContext context
    )
    {
        DocumentIds? ids = null;
        SampleWriter? writer = null;
        Packer? packer = null;
        foreach (var batch in BatchColumns.AtLeastOne(batches))
        {
            if (writer is null)
            {
                ids = DocumentIds.Create(options.DocumentIdColumn, batch.Schema);
                writer = new SampleWriter(options, ids);
                packer =
                    options.Mode == PackMode.ConcatAndChunk
                        ? new ConcatPacker(options, writer)
                        : new BestFitPacker(options, writer);
            }

            var (lists, values) = BatchColumns.IntLists(batch, options.TokensColumn);
            for (var i = 0; i < batch.Length; i++)
            {
                if (lists.IsNull(i) || lists.GetValueLength(i) == 0)
                {
                    continue;
                }

                var tokens = values.Values.Slice(lists.ValueOffsets[i], lists.GetValueLength(i));
                packer!.Add(Document(tokens), ids!.Read(batch, i));
                packer.TokensIn += tokens.Length;
                packer.MarksAdded += Marks;
#pragma warning disable CA2000 // whoever enumerates has them
                while (writer.TryTake() is { } full)
#pragma warning restore CA2000
                {
                    context.CancellationToken.ThrowIfCancellationRequested();
                    yield return full;
                }
            }
        }

        packer!.Finish();
#pragma warning disable CA2000 // whoever enumerates has them
        while (writer!.TryTake() is { } full)
#pragma warning restore CA2000
        {
            context.CancellationToken.ThrowIfCancellationRequested();
            yield return full;
        }

        if (packer.TokensIn + packer.MarksAdded != writer.TokensPacked + packer.TokensDropped)
        {
            throw new PondDataException(
                FormattableString.Invariant(
                    $"Packing lost tokens: {packer.TokensIn} tokens and {packer.MarksAdded} marks in, {writer.TokensPacked} packed, {packer.TokensDropped} dropped."
                )
            );
        }

        context.Observe("tokens_in", packer.TokensIn);
        context.Observe("marks_added", packer.MarksAdded);
        context.Observe("tokens_packed", writer.TokensPacked);
        context.Observe("tokens_dropped", packer.TokensDropped);
        context.Observe("padding", writer.Padding);
        context.Observe("sequences", writer.Samples);
        yield return writer.Build();
    }

    private int Marks => (options.BosId is null ? 0 : 1) + (options.EosId is null ? 0 : 1);

    private int[] Document(ReadOnlySpan<int> tokens)
    {
        var document = new int[tokens.Length + Marks];
        var start = 0;
        if (options.BosId is { } bos)
        {
            document[0] = bos;
            start = 1;
        }

        tokens.CopyTo(document.AsSpan(start));
        if (options.EosId is { } eos)
        {
            document[^1] = eos;
        }

        return document;
    }
}
