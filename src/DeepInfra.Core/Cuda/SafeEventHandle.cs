// SPDX-License-Identifier: MIT
using Microsoft.Win32.SafeHandles;

namespace DeepInfra.Core.Cuda;

/// <summary>A driver event.</summary>
internal sealed class SafeEventHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    public SafeEventHandle(CudaContext context, nint e)
        : base(ownsHandle: true)
    {
        Context = context;
        SetHandle(e);
    }

    public CudaContext Context { get; }

    public nint Value => handle;

    protected override bool ReleaseHandle()
    {
        using (Context.EnterForRelease())
            return Context.Api.EventDestroy(handle) == CudaErrorCode.Success;
    }
}
