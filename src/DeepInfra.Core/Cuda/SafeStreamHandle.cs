// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Core.Cuda;

/// <summary>A driver stream. Memory that was used on it holds a reference, so that it can still be freed there.</summary>
internal sealed unsafe class SafeStreamHandle : SafeHandle
{
    private const nint None = -1;

    public SafeStreamHandle(CudaContext context, nint stream, bool owns)
        : base(None, owns)
    {
        Context = context;
        SetHandle(stream);
    }

    public CudaContext Context { get; }

    // The legacy stream is the null handle.
    public override bool IsInvalid => handle == None;

    /// <summary>The driver's handle; only while a reference is held.</summary>
    public nint Value => handle;

    /// <summary>Held while a capture begins, and while the stream is asked what would break one.</summary>
    public Lock CaptureGate { get; } = new();

    /// <summary>What the capture in progress keeps alive; null if no capture was begun on this stream.</summary>
    public CaptureReferences? Capture { get; set; }

    /// <summary>Whether the stream captures, also by a fork from another one.</summary>
    public bool IsCapturing
    {
        get
        {
            if (Capture is not null)
                return true;
            int status = 0;
            // The legacy stream cannot capture, and asking while another stream does is an error.
            return handle != 0
                && Context.Api.StreamIsCapturing(handle, &status) == CudaErrorCode.Success
                && status != 0;
        }
    }

    protected override bool ReleaseHandle()
    {
        // A capture that nobody ended ends with its stream.
        if (Capture is { } capture && ReferenceEquals(capture.Origin, this))
        {
            capture.End();
            capture.Release();
        }
        using (Context.EnterForRelease())
            // Work in flight goes on; the driver frees the stream after it.
            return Context.Api.StreamDestroy(handle) == CudaErrorCode.Success;
    }
}
