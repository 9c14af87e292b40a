// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;

namespace DeepInfra.Core.Interop;

/// <summary>Calls about devices and contexts; argument order and meaning as in <c>cuda.h</c>.</summary>
internal sealed unsafe partial class CudaApi
{
    public CudaErrorCode Init(uint flags) =>
        ((delegate* unmanaged<uint, CudaErrorCode>)this[CudaEntry.Init])(flags);

    public CudaErrorCode DriverGetVersion(int* version) =>
        ((delegate* unmanaged<int*, CudaErrorCode>)this[CudaEntry.DriverGetVersion])(version);

    public CudaErrorCode DeviceGet(int* device, int ordinal) =>
        ((delegate* unmanaged<int*, int, CudaErrorCode>)this[CudaEntry.DeviceGet])(device, ordinal);

    public CudaErrorCode DeviceGetCount(int* count) =>
        ((delegate* unmanaged<int*, CudaErrorCode>)this[CudaEntry.DeviceGetCount])(count);

    public CudaErrorCode DeviceGetName(byte* name, int length, int device) =>
        ((delegate* unmanaged<byte*, int, int, CudaErrorCode>)this[CudaEntry.DeviceGetName])(
            name,
            length,
            device
        );

    public CudaErrorCode DeviceGetAttribute(int* value, int attribute, int device) =>
        ((delegate* unmanaged<int*, int, int, CudaErrorCode>)this[CudaEntry.DeviceGetAttribute])(
            value,
            attribute,
            device
        );

    public CudaErrorCode DeviceTotalMem(nuint* bytes, int device) =>
        ((delegate* unmanaged<nuint*, int, CudaErrorCode>)this[CudaEntry.DeviceTotalMem])(
            bytes,
            device
        );

    public CudaErrorCode DeviceGetUuid(byte* uuid, int device) =>
        ((delegate* unmanaged<byte*, int, CudaErrorCode>)this[CudaEntry.DeviceGetUuid])(
            uuid,
            device
        );

    public CudaErrorCode DeviceGetPCIBusId(byte* text, int length, int device) =>
        ((delegate* unmanaged<byte*, int, int, CudaErrorCode>)this[CudaEntry.DeviceGetPCIBusId])(
            text,
            length,
            device
        );

    public CudaErrorCode DeviceCanAccessPeer(int* can, int device, int peer) =>
        ((delegate* unmanaged<int*, int, int, CudaErrorCode>)this[CudaEntry.DeviceCanAccessPeer])(
            can,
            device,
            peer
        );

    public CudaErrorCode DeviceGetDefaultMemPool(nint* pool, int device) =>
        ((delegate* unmanaged<nint*, int, CudaErrorCode>)this[CudaEntry.DeviceGetDefaultMemPool])(
            pool,
            device
        );

    public CudaErrorCode DevicePrimaryCtxRetain(nint* context, int device) =>
        ((delegate* unmanaged<nint*, int, CudaErrorCode>)this[CudaEntry.DevicePrimaryCtxRetain])(
            context,
            device
        );

    public CudaErrorCode DevicePrimaryCtxRelease(int device) =>
        ((delegate* unmanaged<int, CudaErrorCode>)this[CudaEntry.DevicePrimaryCtxRelease])(device);

    public CudaErrorCode CtxGetCurrent(nint* context) =>
        ((delegate* unmanaged<nint*, CudaErrorCode>)this[CudaEntry.CtxGetCurrent])(context);

    public CudaErrorCode CtxPushCurrent(nint context) =>
        ((delegate* unmanaged<nint, CudaErrorCode>)this[CudaEntry.CtxPushCurrent])(context);

    public CudaErrorCode CtxPopCurrent(nint* context) =>
        ((delegate* unmanaged<nint*, CudaErrorCode>)this[CudaEntry.CtxPopCurrent])(context);

    public CudaErrorCode CtxSynchronize() =>
        ((delegate* unmanaged<CudaErrorCode>)this[CudaEntry.CtxSynchronize])();

    public CudaErrorCode CtxEnablePeerAccess(nint peer, uint flags) =>
        ((delegate* unmanaged<nint, uint, CudaErrorCode>)this[CudaEntry.CtxEnablePeerAccess])(
            peer,
            flags
        );

    public CudaErrorCode CtxGetStreamPriorityRange(int* least, int* greatest) =>
        ((delegate* unmanaged<int*, int*, CudaErrorCode>)this[CudaEntry.CtxGetStreamPriorityRange])(
            least,
            greatest
        );
}
