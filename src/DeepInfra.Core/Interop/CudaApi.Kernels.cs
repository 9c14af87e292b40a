// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;

namespace DeepInfra.Core.Interop;

/// <summary>Calls about kernels, graphs and tensor maps; argument order and meaning as in <c>cuda.h</c>.</summary>
internal sealed unsafe partial class CudaApi
{
    public CudaErrorCode LibraryLoadData(
        nint* library,
        void* image,
        int* jitOptions,
        void** jitValues,
        uint jitCount,
        int* libraryOptions,
        void** libraryValues,
        uint libraryCount
    ) =>
        (
            (delegate* unmanaged<
                nint*,
                void*,
                int*,
                void**,
                uint,
                int*,
                void**,
                uint,
                CudaErrorCode>)
                this[CudaEntry.LibraryLoadData]
        )(
            library,
            image,
            jitOptions,
            jitValues,
            jitCount,
            libraryOptions,
            libraryValues,
            libraryCount
        );

    public CudaErrorCode LibraryUnload(nint library) =>
        ((delegate* unmanaged<nint, CudaErrorCode>)this[CudaEntry.LibraryUnload])(library);

    public CudaErrorCode LibraryGetKernel(nint* kernel, nint library, byte* name) =>
        ((delegate* unmanaged<nint*, nint, byte*, CudaErrorCode>)this[CudaEntry.LibraryGetKernel])(
            kernel,
            library,
            name
        );

    public CudaErrorCode KernelGetAttribute(int* value, int attribute, nint kernel, int device) =>
        (
            (delegate* unmanaged<int*, int, nint, int, CudaErrorCode>)
                this[CudaEntry.KernelGetAttribute]
        )(value, attribute, kernel, device);

    public CudaErrorCode KernelSetAttribute(int attribute, int value, nint kernel, int device) =>
        (
            (delegate* unmanaged<int, int, nint, int, CudaErrorCode>)
                this[CudaEntry.KernelSetAttribute]
        )(attribute, value, kernel, device);

    public CudaErrorCode LaunchKernelEx(
        CudaLaunchConfig* config,
        nint kernel,
        void** parameters,
        void** extra
    ) =>
        (
            (delegate* unmanaged<CudaLaunchConfig*, nint, void**, void**, CudaErrorCode>)
                this[CudaEntry.LaunchKernelEx]
        )(config, kernel, parameters, extra);

    public CudaErrorCode OccupancyMaxActiveBlocksPerMultiprocessor(
        int* blocks,
        nint kernel,
        int blockSize,
        nuint sharedBytes
    ) =>
        (
            (delegate* unmanaged<int*, nint, int, nuint, CudaErrorCode>)
                this[CudaEntry.OccupancyMaxActiveBlocksPerMultiprocessor]
        )(blocks, kernel, blockSize, sharedBytes);

    public CudaErrorCode OccupancyMaxActiveClusters(
        int* clusters,
        nint kernel,
        CudaLaunchConfig* config
    ) =>
        (
            (delegate* unmanaged<int*, nint, CudaLaunchConfig*, CudaErrorCode>)
                this[CudaEntry.OccupancyMaxActiveClusters]
        )(clusters, kernel, config);

    public CudaErrorCode GraphGetNodes(nint graph, nint* nodes, nuint* count) =>
        ((delegate* unmanaged<nint, nint*, nuint*, CudaErrorCode>)this[CudaEntry.GraphGetNodes])(
            graph,
            nodes,
            count
        );

    public CudaErrorCode GraphInstantiateWithFlags(nint* exec, nint graph, ulong flags) =>
        (
            (delegate* unmanaged<nint*, nint, ulong, CudaErrorCode>)
                this[CudaEntry.GraphInstantiateWithFlags]
        )(exec, graph, flags);

    public CudaErrorCode GraphExecUpdate(nint exec, nint graph, CudaGraphUpdateInfo* info) =>
        (
            (delegate* unmanaged<nint, nint, CudaGraphUpdateInfo*, CudaErrorCode>)
                this[CudaEntry.GraphExecUpdate]
        )(exec, graph, info);

    public CudaErrorCode GraphLaunch(nint exec, nint stream) =>
        ((delegate* unmanaged<nint, nint, CudaErrorCode>)this[CudaEntry.GraphLaunch])(exec, stream);

    public CudaErrorCode GraphExecDestroy(nint exec) =>
        ((delegate* unmanaged<nint, CudaErrorCode>)this[CudaEntry.GraphExecDestroy])(exec);

    public CudaErrorCode GraphDestroy(nint graph) =>
        ((delegate* unmanaged<nint, CudaErrorCode>)this[CudaEntry.GraphDestroy])(graph);

    public CudaErrorCode TensorMapEncodeTiled(
        void* map,
        int type,
        uint rank,
        void* address,
        ulong* extents,
        ulong* strideBytes,
        uint* box,
        uint* elementStrides,
        int interleave,
        int swizzle,
        int promotion,
        int fill
    ) =>
        (
            (delegate* unmanaged<
                void*,
                int,
                uint,
                void*,
                ulong*,
                ulong*,
                uint*,
                uint*,
                int,
                int,
                int,
                int,
                CudaErrorCode>)
                this[CudaEntry.TensorMapEncodeTiled]
        )(
            map,
            type,
            rank,
            address,
            extents,
            strideBytes,
            box,
            elementStrides,
            interleave,
            swizzle,
            promotion,
            fill
        );
}
