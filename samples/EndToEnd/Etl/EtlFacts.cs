// SPDX-License-Identifier: MIT
namespace EndToEnd.Etl;

/// <summary>What Pond reports of the text flow.</summary>
/// <param name="Documents">Documents after each step of <see cref="TextPreparation.Stages"/>.</param>
/// <param name="Tokens">Tokens of all documents, without the marks between them.</param>
/// <param name="NearDuplicates">Documents that near deduplication removed, counted where they are chosen.</param>
/// <param name="Dropped">Tokens of each split that did not fill a record.</param>
/// <param name="Ids">SHA-256 of every document that remains.</param>
internal sealed record EtlFacts(
    IReadOnlyDictionary<string, long> Documents,
    long Tokens,
    long NearDuplicates,
    IReadOnlyDictionary<Split, long> Dropped,
    IReadOnlySet<string> Ids
);
