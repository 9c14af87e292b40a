// SPDX-License-Identifier: MIT
using DuckDB.NET.Native;

namespace DeepInfra.Pond.Interop;

/// <summary>Numbers that DuckDB keeps about the last query of a connection, when profiling is on.</summary>
internal static unsafe class QueryProfile
{
    public const string Metric = "OPERATOR_CARDINALITY";

    /// <summary>Rows that the operator below the root of the plan has put out.</summary>
    public static long RowsIntoRoot(DuckDBNativeConnection connection)
    {
        var added = false;
        try
        {
            connection.DangerousAddRef(ref added);
            // The query has a node of its own above the root of its plan.
            var query = DuckNative.GetProfilingInfo(connection.DangerousGetHandle());
            var root = OnlyChild(query);
            return Rows(OnlyChild(root));
        }
        finally
        {
            if (added)
            {
                connection.DangerousRelease();
            }
        }
    }

    private static nint OnlyChild(nint node) =>
        node != 0 && DuckNative.ProfilingInfoGetChildCount(node) == 1
            ? DuckNative.ProfilingInfoGetChild(node, 0)
            : throw new InvalidOperationException("DuckDB has no profile of the query.");

    private static long Rows(nint node)
    {
        nint value;
        fixed (byte* key = "OPERATOR_CARDINALITY"u8)
        {
            value = DuckNative.ProfilingInfoGetValue(node, key);
        }

        if (value == 0)
        {
            throw new InvalidOperationException($"DuckDB's profile has no {Metric}.");
        }

        try
        {
            return DuckNative.GetInt64(value);
        }
        finally
        {
            DuckNative.DestroyValue(&value);
        }
    }
}
