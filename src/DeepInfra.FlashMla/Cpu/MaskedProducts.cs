// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla.Cpu;

/// <summary>
/// Products of a score tile with rows of keys or queries that touch only visible pairs. Groups of four rows share the pairs
/// that all of them see; the few others are added row by row. So work on the diagonal is halved, and a masked row
/// with NaN cannot reach a result through a zero weight.
/// </summary>
internal static unsafe class MaskedProducts<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    /// <summary>
    /// scores[query][key] = a[query]·b[key] with b transposed into panels; leaves scores undefined where no query of the
    /// row block sees a key of the panel.
    /// </summary>
    public static void Scores(
        float* a,
        int aRow,
        float* panels,
        int columns,
        float* scores,
        int scoreRow,
        int queries,
        int keyColumns,
        in RowLimits limits
    )
    {
        for (var key = 0; key < keyColumns; key += MatrixKernels<TSimd, TVector>.PanelColumns)
        {
            var first = limits.FirstQuery(key, queries) & ~7;
            MatrixKernels<TSimd, TVector>.Multiply(
                a + (long)first * aRow,
                aRow,
                1,
                panels + (long)key * columns,
                MatrixKernels<TSimd, TVector>.PanelColumns,
                0,
                scores + (long)first * scoreRow + key,
                scoreRow,
                Pad(queries) - first,
                MatrixKernels<TSimd, TVector>.PanelColumns,
                columns,
                accumulate: false
            );
        }
    }

    /// <summary>c[query] += Σ over visible keys of scores[query][key]·b[key].</summary>
    public static void AddRows(
        float* scores,
        int scoreRow,
        float* b,
        int bRow,
        float* c,
        int cRow,
        int queries,
        int columns,
        int keys,
        in RowLimits limits
    )
    {
        if (limits.IsFull)
        {
            Multiply(scores, scoreRow, 1, b, bRow, c, cRow, Pad(queries), columns, keys);
            return;
        }
        for (var q = 0; q < queries; q += 4)
        {
            var common = limits.Of(q);
            Multiply(
                scores + (long)q * scoreRow,
                scoreRow,
                1,
                b,
                bRow,
                c + (long)q * cRow,
                cRow,
                4,
                columns,
                common
            );
            for (var i = q + 1; i < Math.Min(q + 4, queries); i++)
            for (var key = common; key < limits.Of(i); key++)
                MatrixKernels<TSimd, TVector>.AddRow(
                    scores[(long)i * scoreRow + key],
                    b + (long)key * bRow,
                    c + (long)i * cRow,
                    columns
                );
        }
    }

    /// <summary>c[key] += Σ over queries that see it of scores[query][key]·b[query].</summary>
    public static void AddColumns(
        float* scores,
        int scoreRow,
        float* b,
        int bRow,
        float* c,
        int cRow,
        int queries,
        int columns,
        int keys,
        in RowLimits limits
    )
    {
        if (limits.IsFull)
        {
            Multiply(scores, 1, scoreRow, b, bRow, c, cRow, Pad(keys), columns, queries);
            return;
        }
        for (var k = 0; k < keys; k += 4)
        {
            var last = Math.Min(k + 3, keys - 1);
            var common = limits.FirstQuery(last, queries);
            for (var j = k; j < last; j++)
            for (var q = limits.FirstQuery(j, queries); q < common; q++)
                MatrixKernels<TSimd, TVector>.AddRow(
                    scores[(long)q * scoreRow + j],
                    b + (long)q * bRow,
                    c + (long)j * cRow,
                    columns
                );
            Multiply(
                scores + (long)common * scoreRow + k,
                1,
                scoreRow,
                b + (long)common * bRow,
                bRow,
                c + (long)k * cRow,
                cRow,
                4,
                columns,
                queries - common
            );
        }
    }

    private static void Multiply(
        float* a,
        int aRow,
        int aColumn,
        float* b,
        int bRow,
        float* c,
        int cRow,
        int m,
        int n,
        int k
    ) =>
        MatrixKernels<TSimd, TVector>.Multiply(
            a,
            aRow,
            aColumn,
            b,
            bRow,
            MatrixKernels<TSimd, TVector>.PanelColumns,
            c,
            cRow,
            m,
            n,
            k,
            accumulate: true
        );

    private static int Pad(int rows) => (rows + 3) & ~3;
}
