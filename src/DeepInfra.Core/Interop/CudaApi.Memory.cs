// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;

namespace DeepInfra.Core.Interop;

/// <summary>Calls about memory; argument order and meaning as in <c>cuda.h</c>.</summary>
internal sealed unsafe partial class CudaApi
{
    public CudaErrorCode MemGetInfo(nuint* free, nuint* total) =>
        ((delegate* unmanaged<nuint*, nuint*, CudaErrorCode>)this[CudaEntry.MemGetInfo])(
            free,
            total
        );

    public CudaErrorCode MemAlloc(ulong* address, nuint bytes) =>
        ((delegate* unmanaged<ulong*, nuint, CudaErrorCode>)this[CudaEntry.MemAlloc])(
            address,
            bytes
        );

    public CudaErrorCode MemFree(ulong address) =>
        ((delegate* unmanaged<ulong, CudaErrorCode>)this[CudaEntry.MemFree])(address);

    public CudaErrorCode MemAllocAsync(ulong* address, nuint bytes, nint stream) =>
        ((delegate* unmanaged<ulong*, nuint, nint, CudaErrorCode>)this[CudaEntry.MemAllocAsync])(
            address,
            bytes,
            stream
        );

    public CudaErrorCode MemFreeAsync(ulong address, nint stream) =>
        ((delegate* unmanaged<ulong, nint, CudaErrorCode>)this[CudaEntry.MemFreeAsync])(
            address,
            stream
        );

    public CudaErrorCode MemHostAlloc(void** address, nuint bytes, uint flags) =>
        ((delegate* unmanaged<void**, nuint, uint, CudaErrorCode>)this[CudaEntry.MemHostAlloc])(
            address,
            bytes,
            flags
        );

    public CudaErrorCode MemFreeHost(void* address) =>
        ((delegate* unmanaged<void*, CudaErrorCode>)this[CudaEntry.MemFreeHost])(address);

    public CudaErrorCode MemPoolSetAttribute(nint pool, int attribute, void* value) =>
        ((delegate* unmanaged<nint, int, void*, CudaErrorCode>)this[CudaEntry.MemPoolSetAttribute])(
            pool,
            attribute,
            value
        );

    public CudaErrorCode MemPoolSetAccess(nint pool, CudaMemoryAccess* access, nuint count) =>
        (
            (delegate* unmanaged<nint, CudaMemoryAccess*, nuint, CudaErrorCode>)
                this[CudaEntry.MemPoolSetAccess]
        )(pool, access, count);

    public CudaErrorCode MemPoolTrimTo(nint pool, nuint keepBytes) =>
        ((delegate* unmanaged<nint, nuint, CudaErrorCode>)this[CudaEntry.MemPoolTrimTo])(
            pool,
            keepBytes
        );

    public CudaErrorCode MemcpyHtoDAsync(
        ulong destination,
        void* source,
        nuint bytes,
        nint stream
    ) =>
        (
            (delegate* unmanaged<ulong, void*, nuint, nint, CudaErrorCode>)
                this[CudaEntry.MemcpyHtoDAsync]
        )(destination, source, bytes, stream);

    public CudaErrorCode MemcpyDtoHAsync(
        void* destination,
        ulong source,
        nuint bytes,
        nint stream
    ) =>
        (
            (delegate* unmanaged<void*, ulong, nuint, nint, CudaErrorCode>)
                this[CudaEntry.MemcpyDtoHAsync]
        )(destination, source, bytes, stream);

    public CudaErrorCode MemcpyDtoDAsync(
        ulong destination,
        ulong source,
        nuint bytes,
        nint stream
    ) =>
        (
            (delegate* unmanaged<ulong, ulong, nuint, nint, CudaErrorCode>)
                this[CudaEntry.MemcpyDtoDAsync]
        )(destination, source, bytes, stream);

    public CudaErrorCode MemcpyPeerAsync(
        ulong destination,
        nint destinationContext,
        ulong source,
        nint sourceContext,
        nuint bytes,
        nint stream
    ) =>
        (
            (delegate* unmanaged<ulong, nint, ulong, nint, nuint, nint, CudaErrorCode>)
                this[CudaEntry.MemcpyPeerAsync]
        )(destination, destinationContext, source, sourceContext, bytes, stream);

    public CudaErrorCode Memcpy2DAsync(CudaMemcpy2D* copy, nint stream) =>
        ((delegate* unmanaged<CudaMemcpy2D*, nint, CudaErrorCode>)this[CudaEntry.Memcpy2DAsync])(
            copy,
            stream
        );

    public CudaErrorCode MemsetD8Async(ulong destination, byte value, nuint count, nint stream) =>
        (
            (delegate* unmanaged<ulong, byte, nuint, nint, CudaErrorCode>)
                this[CudaEntry.MemsetD8Async]
        )(destination, value, count, stream);

    public CudaErrorCode MemsetD32Async(ulong destination, uint value, nuint count, nint stream) =>
        (
            (delegate* unmanaged<ulong, uint, nuint, nint, CudaErrorCode>)
                this[CudaEntry.MemsetD32Async]
        )(destination, value, count, stream);

    public CudaErrorCode IpcGetMemHandle(CudaIpcBytes* handle, ulong address) =>
        ((delegate* unmanaged<CudaIpcBytes*, ulong, CudaErrorCode>)this[CudaEntry.IpcGetMemHandle])(
            handle,
            address
        );

    public CudaErrorCode IpcOpenMemHandle(ulong* address, CudaIpcBytes handle, uint flags) =>
        (
            (delegate* unmanaged<ulong*, CudaIpcBytes, uint, CudaErrorCode>)
                this[CudaEntry.IpcOpenMemHandle]
        )(address, handle, flags);

    public CudaErrorCode IpcCloseMemHandle(ulong address) =>
        ((delegate* unmanaged<ulong, CudaErrorCode>)this[CudaEntry.IpcCloseMemHandle])(address);
}
