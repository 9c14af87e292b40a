// SPDX-License-Identifier: MIT
using DeepInfra.Core.Interop;
using Microsoft.Win32.SafeHandles;

namespace DeepInfra.Core.Cuda;

/// <summary>A driver library: an image that the driver loads into every context where it is used.</summary>
internal sealed class SafeLibraryHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly CudaApi _api;

    public SafeLibraryHandle(CudaApi api, nint library)
        : base(ownsHandle: true)
    {
        _api = api;
        SetHandle(library);
    }

    public nint Value => handle;

    protected override bool ReleaseHandle() => _api.LibraryUnload(handle) == CudaErrorCode.Success;
}
