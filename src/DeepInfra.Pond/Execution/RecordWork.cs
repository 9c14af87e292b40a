// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Globalization;
using Apache.Arrow;
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Execution;

/// <summary>Files of raw records, for random access.</summary>
/// <param name="Column">BLOB column whose values are the records.</param>
/// <param name="RecordBytes">Length of every record, or null for records of any length with an index.</param>
/// <param name="RecordsPerFile">Records after which a new file begins.</param>
internal sealed record RecordOutput(string Column, int? RecordBytes, long RecordsPerFile)
    : OutputFormat
{
    public override string Extension => ".bin";

    public override string CopyOptions =>
        FormattableString.Invariant($"records {Column} {RecordBytes} {RecordsPerFile}");
}

/// <summary>
/// Writes the values of a BLOB column one after the other. Without a fixed length, the file ends with an index:
/// count + 1 offsets, the count, and a mark, all little-endian 64-bit.
/// </summary>
internal sealed class RecordWork(RecordOutput format) : TaskWork
{
    /// <summary>"PONDREC1" in ASCII.</summary>
    public const ulong Mark = 0x3143_4552_444E_4F50;

    /// <summary>Most records in a file with an index.</summary>
    private const long MaxIndexed = 1L << 28;

    public override bool CanUseMoreCores => false;

    public override void AppendKey(KeyBuilder key) => key.Add("records").Add(format.CopyOptions);

    public override TaskOutput Run(TaskContext context) =>
        context.WithDuck(duck =>
        {
            var view = context.CreateView(duck, 0);
            duck.PreserveOrder(true);
            using var writer = new Writer(context, format);
            using (
                var query = duck.OpenArrow(
                    $"SELECT {SqlText.Identifier(format.Column)}::BLOB FROM {view}",
                    context.Cancellation
                )
            )
            {
                while (query.Next() is { } batch)
                {
                    using (batch)
                    {
                        var records = (BinaryArray)batch.Column(0);
                        for (var i = 0; i < records.Length; i++)
                        {
                            writer.Add(records, i);
                        }
                    }
                }
            }

            var schema = new PondSchema([new PondColumn(format.Column, "BLOB")]);
            return new TaskOutput
            {
                Slots = [new FileSet(FileFormat.StoredParquet, schema, writer.Finish())],
            };
        });

    private sealed class Writer(TaskContext context, RecordOutput format) : IDisposable
    {
        private readonly List<DataFile> _files = [];
        private readonly List<long> _offsets = [];

        // The offsets of a file are kept until its end.
        private readonly long _recordsPerFile = format.RecordBytes is null
            ? Math.Min(format.RecordsPerFile, MaxIndexed)
            : format.RecordsPerFile;
        private FileStream? _stream;
        private string _path = "";
        private long _rows;
        private long _total;

        public void Add(BinaryArray records, int index)
        {
            if (records.IsNull(index))
            {
                throw new PondDataException(
                    FormattableString.Invariant(
                        $"Record {_total} of column '{format.Column}' is NULL."
                    )
                )
                {
                    Line = _total,
                };
            }

            var bytes = records.GetBytes(index);
            if (format.RecordBytes is { } expected && bytes.Length != expected)
            {
                throw new PondDataException(
                    FormattableString.Invariant(
                        $"Record {_total} of column '{format.Column}': expected {expected} bytes, got {bytes.Length}."
                    )
                )
                {
                    Line = _total,
                };
            }

            if (_stream is null || _rows >= _recordsPerFile)
            {
                Next();
            }

            if (format.RecordBytes is null)
            {
                _offsets.Add(_stream!.Position);
            }

            _stream!.Write(bytes);
            _rows++;
            _total++;
        }

        public List<DataFile> Finish()
        {
            if (_stream is null)
            {
                // A file without records keeps the output readable.
                Next();
            }

            Close();
            return _files;
        }

        public void Dispose() => _stream?.Dispose();

        private void Next()
        {
            Close();
            _path = context.OutputFile(
                "part-"
                    + _files.Count.ToString("D3", CultureInfo.InvariantCulture)
                    + format.Extension
            );
            _stream = new FileStream(
                _path,
                FileMode.CreateNew,
                FileAccess.Write,
                FileShare.None,
                1 << 20
            );
        }

        private void Close()
        {
            if (_stream is null)
            {
                return;
            }

            if (format.RecordBytes is null)
            {
                _offsets.Add(_stream.Position);
                foreach (var offset in _offsets)
                {
                    WriteInt64((ulong)offset);
                }

                WriteInt64((ulong)_rows);
                WriteInt64(Mark);
                _offsets.Clear();
            }

            var length = _stream.Position;
            _stream.Dispose();
            _stream = null;
            _files.Add(new DataFile(_path, _rows, length));
            _rows = 0;
        }

        private void WriteInt64(ulong value)
        {
            Span<byte> bytes = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
            _stream!.Write(bytes);
        }
    }
}
