// SPDX-License-Identifier: MIT
namespace EndToEnd.Etl;

/// <summary>What kind of files the raw text on 3FS has.</summary>
internal enum RawFormat
{
    JsonLines,
    Parquet,
}
