// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using DeepInfra.Core.Interop;

namespace DeepInfra.Core.Cuda;

/// <summary>
/// The primary context of a device. It is retained at the first use of the device and kept until the process ends: other
/// libraries of the process share it, and handles may then be released in any order. Thread-safe.
/// </summary>
internal sealed unsafe class CudaContext
{
    private const int PoolReleaseThreshold = 4;

    private readonly Lock _lock = new();
    private readonly HashSet<int> _peers = [];
    private readonly List<PendingFree> _pendingFrees = [];
    private CudaStream? _defaultStream;
    private CudaException? _fault;
    private volatile bool _hasPendingFrees;

    public CudaContext(CudaDevice device, CudaApi api)
    {
        Device = device;
        Api = api;
        nint handle = 0;
        Check(api.DevicePrimaryCtxRetain(&handle, device.Handle), "cuDevicePrimaryCtxRetain");
        Handle = handle;
        if (!device.SupportsMemoryPools)
            return;
        nint pool = 0;
        Check(api.DeviceGetDefaultMemPool(&pool, device.Handle), "cuDeviceGetDefaultMemPool");
        MemoryPool = pool;
        // By default every synchronisation returns freed memory to the system, and the next allocation is slow again.
        var keep = ulong.MaxValue;
        Check(api.MemPoolSetAttribute(pool, PoolReleaseThreshold, &keep), "cuMemPoolSetAttribute");
    }

    public CudaDevice Device { get; }

    public CudaApi Api { get; }

    public nint Handle { get; }

    /// <summary>The pool of stream-ordered allocations; 0 if the device has none.</summary>
    public nint MemoryPool { get; }

    public CudaStream DefaultStream
    {
        get
        {
            lock (_lock)
                return _defaultStream ??= new CudaStream(this);
        }
    }

    /// <summary>Makes the context current until the result is disposed; costs one call if it is current already.</summary>
    public ContextScope Enter()
    {
        if (_fault is not null)
            ThrowLost("the call");
        return EnterForRelease();
    }

    /// <summary>The same for releasing handles, which is allowed on a lost device.</summary>
    public ContextScope EnterForRelease()
    {
        nint current = 0;
        if (Api.CtxGetCurrent(&current) == CudaErrorCode.Success && current == Handle)
            return default;
        var status = Api.CtxPushCurrent(Handle);
        return status == CudaErrorCode.Success ? new ContextScope(Api) : default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Check(CudaErrorCode code, string operation)
    {
        if (code != CudaErrorCode.Success)
            Fail(code, operation);
    }

    /// <summary>Throws for a status, and remembers one that loses the device.</summary>
    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Fail(CudaErrorCode code, string operation) =>
        throw CreateException(code, operation);

    /// <summary>The exception for a status; remembers one that loses the device.</summary>
    public CudaException CreateException(CudaErrorCode code, string operation)
    {
        if (_fault is { } earlier)
            return Lost(earlier, operation);
        var what = $"{operation} on {Device.Device}";
        // On the simulator a lost device comes with an explanation.
        var report = CudaErrors.IsSticky(code) ? Api.LastReport() : "";
        var exception =
            report.Length == 0
                ? new CudaException(code, what)
                : new CudaException(
                    code,
                    what,
                    $"{what} failed with {CudaErrors.NameOf(code)} ({(int)code}).\n{report}\n"
                );
        if (exception.IsSticky)
            Interlocked.CompareExchange(ref _fault, exception, null);
        return exception;
    }

    /// <summary>Throws if an earlier error lost the device.</summary>
    public void ThrowIfLost(string operation)
    {
        if (_fault is not null)
            ThrowLost(operation);
    }

    /// <summary>Lets kernels and copies of this context address the memory of another device.</summary>
    public void EnablePeer(CudaContext peer)
    {
        lock (_lock)
        {
            if (_peers.Contains(peer.Device.Ordinal))
                return;
            using (Enter())
            {
                var status = Api.CtxEnablePeerAccess(peer.Handle, 0);
                if (status != CudaErrorCode.PeerAccessAlreadyEnabled)
                    Check(status, "cuCtxEnablePeerAccess");
            }
            if (peer.MemoryPool != 0)
            {
                // Peer access of contexts does not cover memory of pools.
                var access = new CudaMemoryAccess
                {
                    LocationType = CudaMemoryAccess.DeviceLocation,
                    LocationId = Device.Handle,
                    Flags = CudaMemoryAccess.ReadWrite,
                };
                Check(Api.MemPoolSetAccess(peer.MemoryPool, &access, 1), "cuMemPoolSetAccess");
            }
            _peers.Add(peer.Device.Ordinal);
        }
    }

    /// <summary>Frees memory after the work of its users; later, if one of them is capturing now. Takes over the users.</summary>
    public void Free(ulong address, in StreamUsers users)
    {
        if (users.IsAnyCapturing)
            // A free would become part of somebody's graph.
            lock (_lock)
            {
                _pendingFrees.Add(new PendingFree(address, users));
                _hasPendingFrees = true;
            }
        else
            FreeNow(address, users);
    }

    /// <summary>Frees what was deferred and whose users do not capture any more.</summary>
    public void FreeDeferred()
    {
        if (!_hasPendingFrees)
            return;
        lock (_lock)
        {
            for (var i = _pendingFrees.Count - 1; i >= 0; i--)
            {
                var (address, users) = _pendingFrees[i];
                if (users.IsAnyCapturing)
                    continue;
                _pendingFrees.RemoveAt(i);
                FreeNow(address, users);
            }
            _hasPendingFrees = _pendingFrees.Count > 0;
        }
    }

    private void FreeNow(ulong address, in StreamUsers users)
    {
        using (EnterForRelease())
        {
            var target = users.OrderForRelease(this);
            _ = Api.MemFreeAsync(address, target.Value);
        }
        users.Release();
    }

    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ThrowLost(string operation) => throw Lost(_fault!, operation);

    private CudaException Lost(CudaException fault, string operation) =>
        new(
            fault.Code,
            operation,
            $"{operation} is not possible: an earlier error lost {Device.Device} to this process ({fault.Operation}: {fault.ErrorName}).",
            fault
        );

    private readonly record struct PendingFree(ulong Address, StreamUsers Users);
}

/// <summary>Restores the context that was current before.</summary>
internal readonly unsafe ref struct ContextScope(CudaApi? api)
{
    public void Dispose()
    {
        if (api is null)
            return;
        nint popped;
        _ = api.CtxPopCurrent(&popped);
    }
}
