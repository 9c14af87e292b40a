// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Apache.Arrow.C;

[assembly: DisableRuntimeMarshalling]
[assembly: DefaultDllImportSearchPaths(
    DllImportSearchPath.AssemblyDirectory | DllImportSearchPath.SafeDirectories
)]

namespace DeepInfra.Pond.Interop;

/// <summary>
/// The part of DuckDB's C API that DuckDB.NET does not bind: Arrow import, raw table functions and profiles. The
/// library is the one that the DuckDB.NET package carries.
/// </summary>
internal static unsafe partial class DuckNative
{
    private const string Library = "duckdb";

    [LibraryImport(Library, EntryPoint = "duckdb_create_table_function")]
    public static partial nint CreateTableFunction();

    [LibraryImport(Library, EntryPoint = "duckdb_destroy_table_function")]
    public static partial void DestroyTableFunction(nint* function);

    [LibraryImport(Library, EntryPoint = "duckdb_table_function_set_name")]
    public static partial void TableFunctionSetName(nint function, byte* name);

    [LibraryImport(Library, EntryPoint = "duckdb_table_function_add_parameter")]
    public static partial void TableFunctionAddParameter(nint function, nint logicalType);

    [LibraryImport(Library, EntryPoint = "duckdb_table_function_set_extra_info")]
    public static partial void TableFunctionSetExtraInfo(
        nint function,
        nint info,
        delegate* unmanaged[Cdecl]<nint, void> destroy
    );

    [LibraryImport(Library, EntryPoint = "duckdb_table_function_set_bind")]
    public static partial void TableFunctionSetBind(
        nint function,
        delegate* unmanaged[Cdecl]<nint, void> bind
    );

    [LibraryImport(Library, EntryPoint = "duckdb_table_function_set_init")]
    public static partial void TableFunctionSetInit(
        nint function,
        delegate* unmanaged[Cdecl]<nint, void> init
    );

    [LibraryImport(Library, EntryPoint = "duckdb_table_function_set_function")]
    public static partial void TableFunctionSetFunction(
        nint function,
        delegate* unmanaged[Cdecl]<nint, nint, void> body
    );

    [LibraryImport(Library, EntryPoint = "duckdb_register_table_function")]
    public static partial int RegisterTableFunction(nint connection, nint function);

    [LibraryImport(Library, EntryPoint = "duckdb_create_logical_type")]
    public static partial nint CreateLogicalType(int type);

    [LibraryImport(Library, EntryPoint = "duckdb_destroy_logical_type")]
    public static partial void DestroyLogicalType(nint* type);

    [LibraryImport(Library, EntryPoint = "duckdb_bind_get_parameter")]
    public static partial nint BindGetParameter(nint info, ulong index);

    [LibraryImport(Library, EntryPoint = "duckdb_get_int64")]
    public static partial long GetInt64(nint value);

    [LibraryImport(Library, EntryPoint = "duckdb_destroy_value")]
    public static partial void DestroyValue(nint* value);

    [LibraryImport(Library, EntryPoint = "duckdb_bind_add_result_column")]
    public static partial void BindAddResultColumn(nint info, byte* name, nint logicalType);

    [LibraryImport(Library, EntryPoint = "duckdb_bind_set_bind_data")]
    public static partial void BindSetBindData(
        nint info,
        nint data,
        delegate* unmanaged[Cdecl]<nint, void> destroy
    );

    [LibraryImport(Library, EntryPoint = "duckdb_bind_set_error")]
    public static partial void BindSetError(nint info, byte* message);

    [LibraryImport(Library, EntryPoint = "duckdb_bind_get_extra_info")]
    public static partial nint BindGetExtraInfo(nint info);

    [LibraryImport(Library, EntryPoint = "duckdb_bind_set_cardinality")]
    public static partial void BindSetCardinality(nint info, ulong rows, byte isExact);

    [LibraryImport(Library, EntryPoint = "duckdb_init_get_bind_data")]
    public static partial nint InitGetBindData(nint info);

    [LibraryImport(Library, EntryPoint = "duckdb_init_get_extra_info")]
    public static partial nint InitGetExtraInfo(nint info);

    [LibraryImport(Library, EntryPoint = "duckdb_init_set_init_data")]
    public static partial void InitSetInitData(
        nint info,
        nint data,
        delegate* unmanaged[Cdecl]<nint, void> destroy
    );

    [LibraryImport(Library, EntryPoint = "duckdb_init_set_error")]
    public static partial void InitSetError(nint info, byte* message);

    [LibraryImport(Library, EntryPoint = "duckdb_init_set_max_threads")]
    public static partial void InitSetMaxThreads(nint info, ulong threads);

    [LibraryImport(Library, EntryPoint = "duckdb_function_get_bind_data")]
    public static partial nint FunctionGetBindData(nint info);

    [LibraryImport(Library, EntryPoint = "duckdb_function_get_init_data")]
    public static partial nint FunctionGetInitData(nint info);

    [LibraryImport(Library, EntryPoint = "duckdb_function_set_error")]
    public static partial void FunctionSetError(nint info, byte* message);

    [LibraryImport(Library, EntryPoint = "duckdb_schema_from_arrow")]
    public static partial nint SchemaFromArrow(
        nint connection,
        CArrowSchema* schema,
        nint* converted
    );

    [LibraryImport(Library, EntryPoint = "duckdb_destroy_arrow_converted_schema")]
    public static partial void DestroyArrowConvertedSchema(nint* converted);

    [LibraryImport(Library, EntryPoint = "duckdb_data_chunk_from_arrow")]
    public static partial nint DataChunkFromArrow(
        nint connection,
        CArrowArray* array,
        nint converted,
        nint* chunk
    );

    [LibraryImport(Library, EntryPoint = "duckdb_data_chunk_get_vector")]
    public static partial nint DataChunkGetVector(nint chunk, ulong index);

    [LibraryImport(Library, EntryPoint = "duckdb_data_chunk_set_size")]
    public static partial void DataChunkSetSize(nint chunk, ulong size);

    [LibraryImport(Library, EntryPoint = "duckdb_destroy_data_chunk")]
    public static partial void DestroyDataChunk(nint* chunk);

    [LibraryImport(Library, EntryPoint = "duckdb_vector_get_column_type")]
    public static partial nint VectorGetColumnType(nint vector);

    [LibraryImport(Library, EntryPoint = "duckdb_vector_reference_vector")]
    public static partial void VectorReferenceVector(nint to, nint from);

    [LibraryImport(Library, EntryPoint = "duckdb_get_profiling_info")]
    public static partial nint GetProfilingInfo(nint connection);

    [LibraryImport(Library, EntryPoint = "duckdb_profiling_info_get_child_count")]
    public static partial ulong ProfilingInfoGetChildCount(nint info);

    [LibraryImport(Library, EntryPoint = "duckdb_profiling_info_get_child")]
    public static partial nint ProfilingInfoGetChild(nint info, ulong index);

    [LibraryImport(Library, EntryPoint = "duckdb_profiling_info_get_value")]
    public static partial nint ProfilingInfoGetValue(nint info, byte* key);

    [LibraryImport(Library, EntryPoint = "duckdb_error_data_has_error")]
    public static partial byte ErrorDataHasError(nint error);

    [LibraryImport(Library, EntryPoint = "duckdb_error_data_message")]
    public static partial byte* ErrorDataMessage(nint error);

    [LibraryImport(Library, EntryPoint = "duckdb_destroy_error_data")]
    public static partial void DestroyErrorData(nint* error);
}
