// SPDX-License-Identifier: MIT
using Microsoft.Win32.SafeHandles;

namespace DeepInfra.Core.Cuda;

/// <summary>Device memory outside the pool: allocated here, or opened from another process.</summary>
internal sealed class SafeSharedMemoryHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly bool _isOpened;
    private readonly long _bytes;

    public SafeSharedMemoryHandle(CudaContext context, ulong address, long bytes, bool isOpened)
        : base(ownsHandle: true)
    {
        Context = context;
        _isOpened = isOpened;
        _bytes = bytes;
        SetHandle((nint)address);
        if (!isOpened)
            DeviceMemory.Add(bytes);
    }

    public CudaContext Context { get; }

    public nint Value => handle;

    protected override bool ReleaseHandle()
    {
        if (!_isOpened)
            DeviceMemory.Remove(_bytes);
        using (Context.EnterForRelease())
        {
            var status = _isOpened
                ? Context.Api.IpcCloseMemHandle((ulong)handle)
                : Context.Api.MemFree((ulong)handle);
            return status == CudaErrorCode.Success;
        }
    }
}
