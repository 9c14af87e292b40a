// SPDX-License-Identifier: MIT
using Apache.Arrow;
using Apache.Arrow.Types;

namespace DeepInfra.Pond.Text;

/// <summary>Collects samples into record batches.</summary>
internal sealed class SampleWriter
{
    private const int MostSamples = 512;

    /// <summary>Tokens of a batch: 256 MiB, far below what 32-bit offsets into a buffer can reach.</summary>
    private const long MostTokens = 1L << 26;

    private readonly PackOptions _options;
    private readonly DocumentIds _ids;
    private readonly Schema _schema;
    private readonly int[] _sample;
    private readonly Queue<RecordBatch> _full = new();
    private readonly long _samplesPerBatch;
    private IntListBuilder _tokens = new();
    private IntListBuilder _lengths = new();

    public SampleWriter(PackOptions options, DocumentIds ids)
    {
        _options = options;
        _ids = ids;
        _sample = new int[options.SequenceLength];
        _samplesPerBatch = Math.Clamp(MostTokens / options.SequenceLength, 1, MostSamples);
        var fields = new List<Field>
        {
            new("tokens", BatchColumns.IntList, nullable: true),
            new("cumulative_lengths", BatchColumns.IntList, nullable: true),
        };
        if (ids.Type is { } type)
        {
            fields.Add(new Field("document_ids", type, nullable: true));
        }

        _schema = new Schema(fields, null);
    }

    public long Samples { get; private set; }

    public long TokensPacked { get; private set; }

    public long Padding { get; private set; }

    public void Add(IReadOnlyList<Piece> pieces)
    {
        var ends = new int[pieces.Count + 1];
        var filled = 0;
        for (var i = 0; i < pieces.Count; i++)
        {
            pieces[i].Tokens.Span.CopyTo(_sample.AsSpan(filled));
            filled += pieces[i].Tokens.Length;
            ends[i + 1] = filled;
        }

        _sample.AsSpan(filled).Fill(_options.PadId ?? 0);
        _tokens.Append(_sample);
        _lengths.Append(ends);
        _ids.Append(pieces);
        Samples++;
        TokensPacked += filled;
        Padding += _sample.Length - filled;
        // A window of documents can fill many batches at once.
        if (_tokens.Length >= _samplesPerBatch)
        {
#pragma warning disable CA2000 // whoever takes it has it
            _full.Enqueue(Build());
#pragma warning restore CA2000
        }
    }

    /// <summary>The next full batch, or null.</summary>
    public RecordBatch? TryTake() => _full.TryDequeue(out var batch) ? batch : null;

    /// <summary>A batch of the samples since the last one, which may be none.</summary>
    public RecordBatch Build()
    {
        var count = _tokens.Length;
        var columns = new List<IArrowArray> { _tokens.Build(), _lengths.Build() };
        if (_ids.Type is not null)
        {
            columns.Add(_ids.Build());
        }

        _tokens = new IntListBuilder();
        _lengths = new IntListBuilder();
        return new RecordBatch(_schema, columns, count);
    }
}

/// <summary>The column that lists the documents of each sample.</summary>
internal abstract class DocumentIds
{
    /// <summary>Type of the column, or null when there is none.</summary>
    public abstract ListType? Type { get; }

    public static DocumentIds Create(string? column, Schema schema)
    {
        if (column is null)
        {
            return new None();
        }

        var index = BatchColumns.Index(schema, column);
        return schema.FieldsList[index].DataType switch
        {
            Int64Type => new Integers(index),
            StringType => new Texts(index),
            var other => throw new PondSchemaException(
                $"Column '{column}': expected BIGINT or VARCHAR, got {Engine.ArrowTypes.SqlName(other)}."
            ),
        };
    }

    public abstract object? Read(RecordBatch batch, int row);

    public abstract void Append(IReadOnlyList<Piece> pieces);

    public abstract IArrowArray Build();

    private sealed class None : DocumentIds
    {
        public override ListType? Type => null;

        public override object? Read(RecordBatch batch, int row) => null;

        public override void Append(IReadOnlyList<Piece> pieces) { }

        public override IArrowArray Build() => throw new InvalidOperationException();
    }

    private sealed class Integers(int index) : DocumentIds
    {
        private ListArray.Builder _builder = new(Int64Type.Default);

        public override ListType Type { get; } = new(Int64Type.Default);

        public override object? Read(RecordBatch batch, int row) =>
            ((Int64Array)batch.Column(index)).GetValue(row);

        public override void Append(IReadOnlyList<Piece> pieces)
        {
            _builder.Append();
            var values = (Int64Array.Builder)_builder.ValueBuilder;
            foreach (var piece in pieces)
            {
                if (piece.Id is long id)
                {
                    values.Append(id);
                }
                else
                {
                    values.AppendNull();
                }
            }
        }

        public override IArrowArray Build()
        {
            var array = _builder.Build();
            _builder = new ListArray.Builder(Int64Type.Default);
            return array;
        }
    }

    private sealed class Texts(int index) : DocumentIds
    {
        private ListArray.Builder _builder = new(StringType.Default);

        public override ListType Type { get; } = new(StringType.Default);

        public override object? Read(RecordBatch batch, int row) =>
            ((StringArray)batch.Column(index)).GetString(row);

        public override void Append(IReadOnlyList<Piece> pieces)
        {
            _builder.Append();
            var values = (StringArray.Builder)_builder.ValueBuilder;
            foreach (var piece in pieces)
            {
                if (piece.Id is string id)
                {
                    values.Append(id);
                }
                else
                {
                    values.AppendNull();
                }
            }
        }

        public override IArrowArray Build()
        {
            var array = _builder.Build();
            _builder = new ListArray.Builder(StringType.Default);
            return array;
        }
    }
}
