// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;

namespace DeepInfra.Core.Interop;

/// <summary>Calls about streams and events; argument order and meaning as in <c>cuda.h</c>.</summary>
internal sealed unsafe partial class CudaApi
{
    public CudaErrorCode StreamCreateWithPriority(nint* stream, uint flags, int priority) =>
        (
            (delegate* unmanaged<nint*, uint, int, CudaErrorCode>)
                this[CudaEntry.StreamCreateWithPriority]
        )(stream, flags, priority);

    public CudaErrorCode StreamDestroy(nint stream) =>
        ((delegate* unmanaged<nint, CudaErrorCode>)this[CudaEntry.StreamDestroy])(stream);

    public CudaErrorCode StreamSynchronize(nint stream) =>
        ((delegate* unmanaged<nint, CudaErrorCode>)this[CudaEntry.StreamSynchronize])(stream);

    public CudaErrorCode StreamQuery(nint stream) =>
        ((delegate* unmanaged<nint, CudaErrorCode>)this[CudaEntry.StreamQuery])(stream);

    public CudaErrorCode StreamWaitEvent(nint stream, nint e, uint flags) =>
        ((delegate* unmanaged<nint, nint, uint, CudaErrorCode>)this[CudaEntry.StreamWaitEvent])(
            stream,
            e,
            flags
        );

    public CudaErrorCode StreamBeginCapture(nint stream, int mode) =>
        ((delegate* unmanaged<nint, int, CudaErrorCode>)this[CudaEntry.StreamBeginCapture])(
            stream,
            mode
        );

    public CudaErrorCode StreamEndCapture(nint stream, nint* graph) =>
        ((delegate* unmanaged<nint, nint*, CudaErrorCode>)this[CudaEntry.StreamEndCapture])(
            stream,
            graph
        );

    public CudaErrorCode StreamIsCapturing(nint stream, int* status) =>
        ((delegate* unmanaged<nint, int*, CudaErrorCode>)this[CudaEntry.StreamIsCapturing])(
            stream,
            status
        );

    public CudaErrorCode LaunchHostFunc(
        nint stream,
        delegate* unmanaged[Cdecl]<nint, void> function,
        nint state
    ) =>
        (
            (delegate* unmanaged<nint, delegate* unmanaged[Cdecl]<nint, void>, nint, CudaErrorCode>)
                this[CudaEntry.LaunchHostFunc]
        )(stream, function, state);

    public CudaErrorCode EventCreate(nint* e, uint flags) =>
        ((delegate* unmanaged<nint*, uint, CudaErrorCode>)this[CudaEntry.EventCreate])(e, flags);

    public CudaErrorCode EventDestroy(nint e) =>
        ((delegate* unmanaged<nint, CudaErrorCode>)this[CudaEntry.EventDestroy])(e);

    public CudaErrorCode EventRecord(nint e, nint stream) =>
        ((delegate* unmanaged<nint, nint, CudaErrorCode>)this[CudaEntry.EventRecord])(e, stream);

    public CudaErrorCode EventQuery(nint e) =>
        ((delegate* unmanaged<nint, CudaErrorCode>)this[CudaEntry.EventQuery])(e);

    public CudaErrorCode EventSynchronize(nint e) =>
        ((delegate* unmanaged<nint, CudaErrorCode>)this[CudaEntry.EventSynchronize])(e);

    public CudaErrorCode EventElapsedTime(float* milliseconds, nint start, nint end) =>
        ((delegate* unmanaged<float*, nint, nint, CudaErrorCode>)this[CudaEntry.EventElapsedTime])(
            milliseconds,
            start,
            end
        );
}
