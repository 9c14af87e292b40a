// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Headlines.Gemm;

/// <summary>
/// The few functions of oneDNN's C interface (version 2, <c>libdnnl.so.2</c>) that a BFloat16 matrix multiplication needs.
/// Descriptors are opaque blocks of the sizes that version 2.6 has.
/// </summary>
internal static unsafe partial class OneDnn
{
    public const int MemoryDescriptorBytes = 696;
    public const int MatmulDescriptorBytes = 2800;
    public const int EngineCpu = 1;
    public const int StreamDefault = 1;
    public const int BFloat16 = 2;
    public const int Float32 = 3;
    public const int FormatAny = 1;
    public const int FormatRowMajor = 3;
    public const int FormatTransposed = 22;
    public const int QueryWeights = 131;
    public const int QueryImplementation = 8;
    public const int ArgumentSource = 1;
    public const int ArgumentDestination = 17;
    public const int ArgumentWeights = 33;

    private const string Library = "libdnnl.so.2";

    /// <summary>True if the library loads.</summary>
    public static bool IsAvailable => NativeLibrary.TryLoad(Library, out _);

    public static void Check(int status)
    {
        if (status != 0)
            throw new InvalidOperationException($"oneDNN returned status {status}");
    }

    [LibraryImport(Library, EntryPoint = "dnnl_engine_create")]
    public static partial int EngineCreate(out nint engine, int kind, nuint index);

    [LibraryImport(Library, EntryPoint = "dnnl_engine_destroy")]
    public static partial int EngineDestroy(nint engine);

    [LibraryImport(Library, EntryPoint = "dnnl_stream_create")]
    public static partial int StreamCreate(out nint stream, nint engine, uint flags);

    [LibraryImport(Library, EntryPoint = "dnnl_stream_wait")]
    public static partial int StreamWait(nint stream);

    [LibraryImport(Library, EntryPoint = "dnnl_stream_destroy")]
    public static partial int StreamDestroy(nint stream);

    [LibraryImport(Library, EntryPoint = "dnnl_memory_desc_init_by_tag")]
    public static partial int MemoryDescriptorInit(
        byte* descriptor,
        int rank,
        long* extents,
        int type,
        int tag
    );

    [LibraryImport(Library, EntryPoint = "dnnl_memory_desc_get_size")]
    public static partial nuint MemoryDescriptorSize(byte* descriptor);

    [LibraryImport(Library, EntryPoint = "dnnl_memory_create")]
    public static partial int MemoryCreate(
        out nint memory,
        byte* descriptor,
        nint engine,
        void* handle
    );

    [LibraryImport(Library, EntryPoint = "dnnl_memory_destroy")]
    public static partial int MemoryDestroy(nint memory);

    [LibraryImport(Library, EntryPoint = "dnnl_matmul_desc_init")]
    public static partial int MatmulInit(
        byte* operation,
        byte* source,
        byte* weights,
        byte* bias,
        byte* destination
    );

    [LibraryImport(Library, EntryPoint = "dnnl_primitive_desc_create")]
    public static partial int PrimitiveDescriptorCreate(
        out nint descriptor,
        byte* operation,
        nint attributes,
        nint engine,
        nint hint
    );

    [LibraryImport(Library, EntryPoint = "dnnl_reorder_primitive_desc_create")]
    public static partial int ReorderCreate(
        out nint descriptor,
        byte* source,
        nint sourceEngine,
        byte* destination,
        nint destinationEngine,
        nint attributes
    );

    [LibraryImport(Library, EntryPoint = "dnnl_primitive_desc_query_md")]
    public static partial byte* QueryMemoryDescriptor(nint descriptor, int what, int index);

    [LibraryImport(Library, EntryPoint = "dnnl_primitive_desc_query")]
    public static partial int Query(nint descriptor, int what, int index, void* result);

    [LibraryImport(Library, EntryPoint = "dnnl_primitive_create")]
    public static partial int PrimitiveCreate(out nint primitive, nint descriptor);

    [LibraryImport(Library, EntryPoint = "dnnl_primitive_desc_destroy")]
    public static partial int PrimitiveDescriptorDestroy(nint descriptor);

    [LibraryImport(Library, EntryPoint = "dnnl_primitive_destroy")]
    public static partial int PrimitiveDestroy(nint primitive);

    [LibraryImport(Library, EntryPoint = "dnnl_primitive_execute")]
    public static partial int Execute(nint primitive, nint stream, int count, Argument* arguments);

    /// <summary>An argument of a primitive.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Argument
    {
        public int Index;
        public nint Memory;
    }
}
