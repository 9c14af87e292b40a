// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;
using DuckDB.NET.Data;
using DuckDB.NET.Native;

namespace DeepInfra.Pond.Engine;

/// <summary>
/// Turns DuckDB errors into Pond exceptions. DuckDB reports most errors as "invalid" (syntax, missing and
/// corrupt files alike), so the prefix of the message decides where the type does not.
/// </summary>
internal static partial class DuckErrors
{
    public static PondTaskException Map(DuckDBException error, string? sql)
    {
        var message = error.Message;
        var prefix = Prefix(message);
        if (message.Contains("Arrow Appender: The maximum total", StringComparison.Ordinal))
        {
            // Arrow's lengths have 32 bits, and so have those of the buffers of its .NET library.
            return new PondDataException(
                "The values of a text or binary column of up to 2048 neighbouring rows are 2 GiB or more together, "
                    + "which one record batch cannot hold. Shorten or split the values in SQL first, or store them in "
                    + "several files. "
                    + message,
                error
            );
        }

        if (IsDiskFull(message))
        {
            return new PondStorageException(message, error);
        }

        switch (error.ErrorType)
        {
            case DuckDBErrorType.OutOfMemory:
                return new PondOutOfMemoryException(message, error);
            case DuckDBErrorType.Conversion:
            case DuckDBErrorType.OutOfRange:
            case DuckDBErrorType.Constraint:
            case DuckDBErrorType.MismatchType:
                return new PondDataException(message, error);
        }

        return prefix switch
        {
            "Out of Memory" => new PondOutOfMemoryException(message, error),
            "Parser" or "Binder" or "Catalog" or "Syntax" or "Not implemented" =>
                new PondSqlException(message, error) { Sql = sql },
            "Conversion" or "Out of Range" or "Constraint" or "Mismatch Type" =>
                new PondDataException(message, error),
            "IO" when IsFileContent(message) => new PondCorruptFileException(message, error)
            {
                File = FileOf(message),
            },
            "IO" => new PondStorageException(message, error) { Path = FileOf(message) },
            "Invalid Input" or "TProtocolException" when IsFileContent(message) =>
                new PondCorruptFileException(message, error) { File = FileOf(message) },
            "Invalid Input" => new PondDataException(message, error),
            _ => new EngineException(message, error),
        };
    }

    /// <summary>Whether the DuckDB instance must not be used again.</summary>
    public static bool PoisonsInstance(Exception error) =>
        error switch
        {
            PondOutOfMemoryException or EngineException or OperationCanceledException => true,
            PondTaskException { InnerException: DuckDBException duck } => duck.ErrorType
                is DuckDBErrorType.Internal
                    or DuckDBErrorType.Fatal,
            PondTaskException => false,
            _ => true,
        };

    internal static string Prefix(string message)
    {
        var end = message.IndexOf(" Error:", StringComparison.Ordinal);
        return end is > 0 and < 40 ? message[..end] : "";
    }

    private static bool IsDiskFull(string message) =>
        message.Contains("No space left on device", StringComparison.OrdinalIgnoreCase)
        || message.Contains("max_temp_directory_size", StringComparison.Ordinal)
        || message.Contains("not enough space on the disk", StringComparison.OrdinalIgnoreCase);

    private static bool IsFileContent(string message) => ContentRegex().IsMatch(message);

    private static string? FileOf(string message)
    {
        var match = FileRegex().Match(message);
        return match.Success ? match.Groups[1].Value : null;
    }

    [GeneratedRegex(
        "magic bytes|too small to be a Parquet|No files found|Malformed JSON|JSON transform error|"
            + "CSV Error|Invalid unicode|gzip|GZIP|zstd|ZSTD|Snappy|snappy|lz4|LZ4|TProtocolException|"
            + "footer|page|thrift|Could not read|Could not open file|inflate|decompress|Failed to read",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex ContentRegex();

    [GeneratedRegex(
        "file ['\"]([^'\"]+)['\"]",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase
    )]
    private static partial Regex FileRegex();
}
