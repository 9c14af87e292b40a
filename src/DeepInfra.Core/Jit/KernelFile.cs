// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace DeepInfra.Core.Jit;

/// <summary>
/// The file of a compiled kernel: magic, lengths, a JSON record, the machine code, and a trailer with the total length and
/// a SHA-256 of everything before. A file that was cut, grown or changed anywhere does not read, nor does one whose machine
/// code is for another architecture than it says.
/// </summary>
internal static class KernelFile
{
    public const string Extension = ".kernel";

    // The last character is the version of the layout.
    private static ReadOnlySpan<byte> Magic => "DIKERNL1"u8;

    private const int HeaderBytes = 8 + sizeof(int) + sizeof(int);
    private const int TrailerBytes = sizeof(long) + SHA256.HashSizeInBytes;
    private const long MaxBytes = 1 << 30;

    /// <summary>The contents of a file.</summary>
    public static byte[] Encode(CompiledKernel kernel, KernelSpec spec)
    {
        var record = JsonSerializer.SerializeToUtf8Bytes(
            new Record(
                spec.Hash.ToString(),
                kernel.Name,
                kernel.Architecture,
                kernel.EntrySymbol,
                kernel.Compiler,
                kernel.Log,
                kernel.CompileMilliseconds,
                kernel.Registers,
                kernel.StaticSharedBytes,
                kernel.LocalBytes
            ),
            KernelFileJson.Default.Record
        );
        var total = HeaderBytes + record.Length + kernel.Cubin.Length + TrailerBytes;
        var file = new byte[total];
        Magic.CopyTo(file);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(8), record.Length);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(12), kernel.Cubin.Length);
        record.CopyTo(file.AsSpan(HeaderBytes));
        kernel.Cubin.Span.CopyTo(file.AsSpan(HeaderBytes + record.Length));
        var body = total - SHA256.HashSizeInBytes;
        BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(total - TrailerBytes), total);
        SHA256.HashData(file.AsSpan(0, body), file.AsSpan(body));
        return file;
    }

    /// <summary>Reads a file.</summary>
    /// <param name="path">The path.</param>
    /// <param name="spec">The kernel that it must hold.</param>
    /// <param name="reason">Why it is damaged.</param>
    /// <returns>Null if it is damaged.</returns>
    /// <exception cref="IOException">There is no such file, or it cannot be read.</exception>
    public static CompiledKernel? Read(string path, KernelSpec spec, out string reason)
    {
        using var stream = new FileStream(
            path,
            FileMode.Open,
            FileAccess.Read,
            FileShare.Read | FileShare.Delete,
            bufferSize: 0
        );
        if (stream.Length > MaxBytes)
        {
            reason = $"{stream.Length} bytes are more than a kernel can have";
            return null;
        }
        var file = new byte[stream.Length];
        stream.ReadExactly(file);
        return Decode(file, spec, out reason);
    }

    /// <summary>Reads the contents of a file; null and a reason if they are damaged.</summary>
    public static CompiledKernel? Decode(byte[] file, KernelSpec spec, out string reason)
    {
        reason = "";
        var total = file.Length;
        if (total < HeaderBytes + TrailerBytes || !file.AsSpan().StartsWith(Magic))
            reason = "no kernel file";
        else if (BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(total - TrailerBytes)) != total)
            reason = "wrong length";
        if (reason.Length > 0)
            return null;

        var body = total - SHA256.HashSizeInBytes;
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(file.AsSpan(0, body), digest);
        if (!digest.SequenceEqual(file.AsSpan(body)))
        {
            reason = "wrong checksum";
            return null;
        }
        var recordBytes = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(8));
        var cubinBytes = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(12));
        if (
            recordBytes < 0
            || cubinBytes < 0
            || (long)HeaderBytes + recordBytes + cubinBytes + TrailerBytes != total
        )
        {
            reason = "wrong lengths";
            return null;
        }
        return Decode(
            file.AsSpan(HeaderBytes, recordBytes),
            file.AsMemory(HeaderBytes + recordBytes, cubinBytes),
            spec,
            out reason
        );
    }

    private static CompiledKernel? Decode(
        ReadOnlySpan<byte> json,
        ReadOnlyMemory<byte> cubin,
        KernelSpec spec,
        out string reason
    )
    {
        Record? record;
        try
        {
            record = JsonSerializer.Deserialize(json, KernelFileJson.Default.Record);
        }
        catch (JsonException e)
        {
            reason = e.Message;
            return null;
        }
        if (
            record is not { Architecture: not null, Compiler: not null }
            || record.Spec != spec.Hash.ToString()
        )
        {
            reason = "another kernel";
            return null;
        }
        var kernel = new CompiledKernel
        {
            Name = record.Name,
            Architecture = record.Architecture,
            Cubin = cubin,
            EntrySymbol = record.EntrySymbol,
            Compiler = record.Compiler,
            Log = record.Log,
            CompileMilliseconds = record.CompileMilliseconds,
            Registers = record.Registers,
            StaticSharedBytes = record.StaticSharedBytes,
            LocalBytes = record.LocalBytes,
        };
        // Whoever wrote the file may have had another idea of what belongs into it than this version.
        reason =
            record.Architecture != spec.Architecture
            && !(spec.IsPortable && Cuda.CudaArchitecture.IsPtx(record.Architecture))
                ? $"compiled for {record.Architecture}, not {spec.Architecture}"
                : KernelImage.FindProblem(kernel) ?? "";
        return reason.Length == 0 ? kernel : null;
    }

    internal sealed record Record(
        string Spec,
        string Name,
        string Architecture,
        string EntrySymbol,
        string Compiler,
        string Log,
        double CompileMilliseconds,
        int Registers,
        int StaticSharedBytes,
        int LocalBytes
    );
}

[JsonSerializable(typeof(KernelFile.Record))]
internal sealed partial class KernelFileJson : JsonSerializerContext;
