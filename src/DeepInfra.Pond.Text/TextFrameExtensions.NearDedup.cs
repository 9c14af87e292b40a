// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Text;

public static partial class TextFrameExtensions
{
    /// <summary>
    /// Keeps one document of each group of near duplicates: the one with the least identifier. Documents are
    /// candidates when one band of their MinHash signatures agrees (locality-sensitive hashing); candidates are
    /// verified by their exact Jaccard similarity, and groups are the connected components of the pairs that remain.
    /// Documents shorter than a shingle never match.
    /// </summary>
    /// <param name="frame">Documents with unique identifiers.</param>
    /// <param name="options">Columns, shingles, bands and threshold.</param>
    /// <returns>
    /// The remaining rows with the partitions of the input. Observations <c>near_dedup_candidates</c> (with
    /// <c>hot_bands</c>), <c>near_dedup_pairs</c> and <c>near_dedup</c> count candidates, verified pairs, components
    /// and removed documents.
    /// </returns>
    public static PondFrame NearDedup(this PondFrame frame, NearDedupOptions options)
    {
        ArgumentNullException.ThrowIfNull(frame);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var pond = frame.Session;
        var functions = new NearDedupFunctions(options);
        var count = options.Partitions ?? Math.Max(frame.PartitionCount, 4);
        var id = SqlText.Identifier(options.IdColumn);
        // A projection of its own for each use, so that both are fused and nothing is stored twice.
        PondFrame Documents() =>
            frame.Select($"{id} AS id, {SqlText.Identifier(options.TextColumn)} AS text");
        var keys = Documents()
            .MapStream(functions.Sign, Named("minhash", options, 4096))
            .Select("id, unnest(keys) AS key")
            .RepartitionByHash(count, "key");
        var pairs = Candidates(keys, options).RepartitionByHash(count, "a");
        var similar = options.Verify
            ? Verified(pairs, Documents(), functions, options, count)
            : pairs.SqlPerPartition("SELECT DISTINCT a, b FROM {0}");
        var removed = pond.SqlSinglePartition("SELECT a, b FROM {0} ORDER BY a, b", similar)
            .MapStream(
                NearDedupFunctions.Components,
                new PondFunctionOptions { Name = "components", Version = "1" }
            )
            .Named("near_dedup");
        return pond.SqlPerPartition(
            $"SELECT pond_row.* FROM {{0}} pond_row ANTI JOIN {{1}} pond_removed ON pond_row.{id} = pond_removed.id",
            frame,
            removed
        );
    }

    private static PondFrame Candidates(PondFrame keys, NearDedupOptions options)
    {
        var hot = SqlText.Number(options.HotBandMembers);
        // One row per band group first: groups of one, by far the most, are gone before anything is joined.
        return keys.SqlPerPartition(
                "SELECT list_sort(list(DISTINCT id)) AS ids FROM {0} GROUP BY key HAVING count(DISTINCT id) > 1"
            )
            .Observe(
                "near_dedup_candidates",
                ("bands", "count(*)"),
                ("hot_bands", $"count(*) FILTER (len(ids) > {hot})")
            )
            .SqlPerPartition(
                "SELECT DISTINCT a, b FROM (SELECT ids[1] AS a, unnest(ids[2:]) AS b FROM {0} "
                    + $"WHERE len(ids) > {hot} UNION ALL SELECT a, b FROM (SELECT unnest(ids) AS a, ids FROM {{0}} "
                    + $"WHERE len(ids) <= {hot}) small, unnest(small.ids) AS other(b) WHERE a < b)"
            );
    }

    private static PondFrame Verified(
        PondFrame pairs,
        PondFrame documents,
        NearDedupFunctions functions,
        NearDedupOptions options,
        int count
    )
    {
        var pond = pairs.Session;
        var texts = documents.RepartitionByHash(count, "id");
        var half = pond.SqlPerPartition(
                "SELECT p.a, p.b, d.text AS text_a FROM (SELECT DISTINCT a, b FROM {0}) p JOIN {1} d ON d.id = p.a",
                pairs,
                texts
            )
            .RepartitionByHash(count, "b");
        return pond.SqlPerPartition(
                "SELECT p.a, p.b, p.text_a, d.text AS text_b FROM {0} p JOIN {1} d ON d.id = p.b ORDER BY p.a, p.b",
                half,
                texts
            )
            .MapStream(functions.Verify, Named("verify", options, 2048))
            .Named("near_dedup_pairs")
            .Where("is_similar")
            .Select("a, b");
    }

    private static PondFunctionOptions Named(
        string name,
        NearDedupOptions options,
        int batchRows
    ) =>
        new()
        {
            Name = name,
            Version = "1 " + options,
            BatchRows = batchRows,
        };
}
