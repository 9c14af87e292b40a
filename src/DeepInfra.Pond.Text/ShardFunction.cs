// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace DeepInfra.Pond.Text;

/// <summary>Turns samples into fixed-length records.</summary>
internal sealed class ShardFunction(ShardOptions options)
{
    private static readonly Schema s_schema = new(
        [new Field("record", BinaryType.Default, nullable: true)],
        null
    );

    public RecordBatch Run(RecordBatch batch)
    {
        var (tokens, values) = BatchColumns.IntLists(batch, options.TokensColumn);
        ListArray? ends = null;
        Int32Array? endValues = null;
        if (options.IncludePositions)
        {
            (ends, endValues) = BatchColumns.IntLists(batch, options.CumulativeLengthsColumn);
        }

        var records = new BinaryArray.Builder();
        var record = new byte[options.RecordBytes];
        for (var i = 0; i < batch.Length; i++)
        {
            var row = values.Values.Slice(tokens.ValueOffsets[i], tokens.GetValueLength(i));
            if (row.Length != options.SequenceLength)
            {
                throw new PondDataException(
                    FormattableString.Invariant(
                        $"A sample has {row.Length} tokens; expected {options.SequenceLength}."
                    )
                );
            }

            var rest = record.AsSpan();
            foreach (var token in row)
            {
                Write(ref rest, token);
            }

            if (ends is not null)
            {
                WritePositions(
                    ref rest,
                    endValues!.Values.Slice(ends.ValueOffsets[i], ends.GetValueLength(i))
                );
            }

            records.Append(record.AsSpan());
        }

        return new RecordBatch(s_schema, [records.Build()], batch.Length);
    }

    private void WritePositions(ref Span<byte> rest, ReadOnlySpan<int> ends)
    {
        var start = 0;
        var next = 0;
        for (var position = 0; position < options.SequenceLength; position++)
        {
            // Padding counts as one more document.
            while (next < ends.Length && ends[next] <= position)
            {
                start = ends[next++];
            }

            Write(ref rest, position - start);
        }
    }

    private void Write(ref Span<byte> rest, int value)
    {
        if (!options.UInt16)
        {
            BinaryPrimitives.WriteInt32LittleEndian(rest, value);
            rest = rest[4..];
            return;
        }

        if ((uint)value > ushort.MaxValue)
        {
            throw new PondDataException(
                FormattableString.Invariant(
                    $"Token {value} does not fit 16 bits; set ShardOptions.UInt16 to false."
                )
            );
        }

        BinaryPrimitives.WriteUInt16LittleEndian(rest, (ushort)value);
        rest = rest[2..];
    }
}
