// SPDX-License-Identifier: MIT
using Microsoft.Win32.SafeHandles;

namespace DeepInfra.Core.Cuda;

/// <summary>A driver graph and the memory that it uses.</summary>
internal sealed class SafeGraphHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    public SafeGraphHandle(CudaContext context, nint graph, CaptureReferences references)
        : base(ownsHandle: true)
    {
        Context = context;
        References = references;
        SetHandle(graph);
    }

    public CudaContext Context { get; }

    public CaptureReferences References { get; }

    public nint Value => handle;

    protected override bool ReleaseHandle()
    {
        bool ok;
        using (Context.EnterForRelease())
            ok = Context.Api.GraphDestroy(handle) == CudaErrorCode.Success;
        References.Release();
        return ok;
    }
}
