// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using ZstdSharp;

namespace DeepInfra.Pond.Execution;

/// <summary>Opens plain, gzip and Zstandard files for reading by their ending.</summary>
internal static class TextInput
{
    public static Stream Open(string path)
    {
        if (path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase))
        {
            return new CheckedGzipStream(path);
        }

        var file = OpenFile(path);
        return path.EndsWith(".zst", StringComparison.OrdinalIgnoreCase)
            ? new DecompressionStream(file, leaveOpen: false)
            : file;
    }

    private static FileStream OpenFile(string path) =>
        new(
            path,
            FileMode.Open,
            FileAccess.Read,
            FileShare.Read,
            1 << 16,
            FileOptions.SequentialScan
        );

    /// <summary>
    /// <see cref="GZipStream"/> takes a file that was cut for its end, so the length and checksum at the end of the
    /// file are compared with what was read. They belong to the last member of the file.
    /// </summary>
    private sealed class CheckedGzipStream(string path) : Stream
    {
        private readonly GZipStream _inner = new(OpenFile(path), CompressionMode.Decompress);
        private readonly Crc32 _crc = new();
        private long _length;
        private bool _checked;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => _length;
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            var count = _inner.Read(buffer);
            if (count > 0)
            {
                _crc.Append(buffer[..count]);
                _length += count;
            }
            else if (buffer.Length > 0 && !_checked)
            {
                _checked = true;
                CheckEnd();
            }

            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) =>
            Read(buffer.AsSpan(offset, count));

        public override void Flush() { }

        public override long Seek(long offset, SeekOrigin origin) =>
            throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) =>
            throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _inner.Dispose();
            }

            base.Dispose(disposing);
        }

        private void CheckEnd()
        {
            Span<byte> trailer = stackalloc byte[8];
            using (var handle = File.OpenHandle(path))
            {
                var bytes = RandomAccess.GetLength(handle);
                if (bytes < 18 || RandomAccess.Read(handle, trailer, bytes - 8) != 8)
                {
                    throw new InvalidDataException("The gzip data end too early.");
                }
            }

            var crc = BinaryPrimitives.ReadUInt32LittleEndian(trailer);
            var length = BinaryPrimitives.ReadUInt32LittleEndian(trailer[4..]);
            if (crc == _crc.GetCurrentHashAsUInt32() && length == (uint)_length)
            {
                return;
            }

            // More than one member, or more than 4 GiB: the trailer covers only the last bytes.
            if (length >= _length || crc != CrcOfLast(length))
            {
                throw new InvalidDataException(
                    "The gzip data are cut or damaged: wrong length or checksum."
                );
            }
        }

        private uint CrcOfLast(long count)
        {
            using var again = new GZipStream(OpenFile(path), CompressionMode.Decompress);
            var crc = new Crc32();
            var buffer = new byte[1 << 16];
            var skip = _length - count;
            int read;
            while ((read = again.Read(buffer)) > 0)
            {
                var drop = (int)Math.Min(skip, read);
                skip -= drop;
                crc.Append(buffer.AsSpan(drop, read - drop));
            }

            return crc.GetCurrentHashAsUInt32();
        }
    }
}
