// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Runtime.InteropServices;
using DeepInfra.Core.Interop;

namespace DeepInfra.Core.Cuda;

/// <summary>
/// A CUDA device with its properties. Reading properties touches the driver but creates no context; the first stream or
/// allocation does. Thread-safe; one object per ordinal and process.
/// </summary>
/// <example>
/// <code>
/// if (CudaDevice.IsAvailable)
///     Console.WriteLine(CudaDevice.Get(0));
/// </code>
/// </example>
public sealed unsafe class CudaDevice
{
    private static readonly Lock s_lock = new();
    private static CudaDevice[]? s_all;

    private readonly CudaApi _api;
    private readonly Lock _lock = new();
    private volatile CudaContext? _context;

    private CudaDevice(CudaApi api, int ordinal)
    {
        _api = api;
        Ordinal = ordinal;
        int handle = 0;
        Check(api.DeviceGet(&handle, ordinal), "cuDeviceGet");
        Handle = handle;
        var text = stackalloc byte[256];
        Check(api.DeviceGetName(text, 256, handle), "cuDeviceGetName");
        Name = Marshal.PtrToStringUTF8((nint)text) ?? "";
        nuint bytes = 0;
        Check(api.DeviceTotalMem(&bytes, handle), "cuDeviceTotalMem");
        TotalMemoryBytes = (long)bytes;
        ComputeCapability =
            10 * Read(CudaDeviceAttribute.ComputeCapabilityMajor)
            + Read(CudaDeviceAttribute.ComputeCapabilityMinor);
        Architecture = CudaArchitecture.NameOf(ComputeCapability);
        MultiprocessorCount = Read(CudaDeviceAttribute.MultiprocessorCount);
        SharedMemoryPerBlockBytes = Read(CudaDeviceAttribute.SharedMemoryPerBlockOptIn);
        SharedMemoryPerMultiprocessorBytes = Read(
            CudaDeviceAttribute.SharedMemoryPerMultiprocessor
        );
        RegistersPerMultiprocessor = Read(CudaDeviceAttribute.RegistersPerMultiprocessor);
        MaxThreadsPerBlock = Read(CudaDeviceAttribute.MaxThreadsPerBlock);
        MaxThreadsPerMultiprocessor = Read(CudaDeviceAttribute.MaxThreadsPerMultiprocessor);
        L2CacheBytes = Read(CudaDeviceAttribute.L2CacheBytes);
        ClockKilohertz = Read(CudaDeviceAttribute.ClockKilohertz);
        SupportsClusters = Read(CudaDeviceAttribute.ClusterLaunch) != 0;
        SupportsCooperativeLaunch = Read(CudaDeviceAttribute.CooperativeLaunch) != 0;
        SupportsMemoryPools = Read(CudaDeviceAttribute.MemoryPools) != 0;
    }

    /// <summary>Whether there is a usable driver with at least one device. Never throws for their absence.</summary>
    public static bool IsAvailable => CudaDriver.MissingReason is null;

    /// <summary>Why there is no device; null if there is one.</summary>
    public static string? MissingReason => CudaDriver.MissingReason;

    /// <summary>True if devices are simulated on the CPU (<c>DEEPINFRA_CUDA=sim</c>).</summary>
    /// <exception cref="DeepInfraException">No driver, or a driver that cannot be used.</exception>
    public static bool IsSimulated => CudaApi.Instance.IsSimulator;

    /// <summary>CUDA version of the driver: 1000 · major + 10 · minor.</summary>
    /// <exception cref="DeepInfraException">No driver, or a driver that cannot be used.</exception>
    public static int DriverVersion => CudaApi.Instance.Version;

    /// <summary>Number of devices.</summary>
    /// <exception cref="NativeLibraryNotFoundException">No driver.</exception>
    /// <exception cref="CudaException">The driver is too old or does not start.</exception>
    public static int Count => All.Count;

    /// <summary>All devices, by ordinal.</summary>
    /// <exception cref="NativeLibraryNotFoundException">No driver.</exception>
    /// <exception cref="CudaException">The driver is too old or does not start.</exception>
    public static IReadOnlyList<CudaDevice> All
    {
        get
        {
            lock (s_lock)
                return s_all ??= FindAll();
        }
    }

    /// <summary>The ordinal.</summary>
    public int Ordinal { get; }

    /// <summary>The device as tensors name it.</summary>
    public Device Device => Device.Cuda(Ordinal);

    /// <summary>The product name.</summary>
    public string Name { get; }

    /// <summary>Ten times the major plus the minor version: 90 for 9.0.</summary>
    public int ComputeCapability { get; }

    /// <summary>
    /// The compiler's name of the target, with the architecture-specific suffix from Hopper on: <c>sm_80</c>, <c>sm_90a</c>.
    /// </summary>
    public string Architecture { get; }

    /// <summary>Device memory in bytes.</summary>
    public long TotalMemoryBytes { get; }

    /// <summary>Streaming multiprocessors.</summary>
    public int MultiprocessorCount { get; }

    /// <summary>Most shared memory that a block can have, dynamic memory on request included, in bytes.</summary>
    public int SharedMemoryPerBlockBytes { get; }

    /// <summary>Shared memory of a multiprocessor in bytes.</summary>
    public int SharedMemoryPerMultiprocessorBytes { get; }

    /// <summary>32-bit registers of a multiprocessor.</summary>
    public int RegistersPerMultiprocessor { get; }

    /// <summary>Most threads of a block.</summary>
    public int MaxThreadsPerBlock { get; }

    /// <summary>Most threads resident on a multiprocessor.</summary>
    public int MaxThreadsPerMultiprocessor { get; }

    /// <summary>Level-2 cache in bytes.</summary>
    public int L2CacheBytes { get; }

    /// <summary>Peak clock in kHz.</summary>
    public int ClockKilohertz { get; }

    /// <summary>Whether launches may have clusters.</summary>
    public bool SupportsClusters { get; }

    /// <summary>Whether launches may be cooperative.</summary>
    public bool SupportsCooperativeLaunch { get; }

    /// <summary>Whether stream-ordered allocation works; every supported GPU on Linux has it.</summary>
    public bool SupportsMemoryPools { get; }

    /// <summary>The identity of the device across processes and reboots.</summary>
    /// <exception cref="CudaException">The driver fails.</exception>
    public Guid Uuid
    {
        get
        {
            var bytes = stackalloc byte[16];
            Check(_api.DeviceGetUuid(bytes, Handle), "cuDeviceGetUuid");
            return new Guid(new ReadOnlySpan<byte>(bytes, 16), bigEndian: true);
        }
    }

    /// <summary>The place on the bus, such as <c>0000:3b:00.0</c>.</summary>
    /// <exception cref="CudaException">The driver fails.</exception>
    public string PciBusId
    {
        get
        {
            var text = stackalloc byte[32];
            Check(_api.DeviceGetPCIBusId(text, 32, Handle), "cuDeviceGetPCIBusId");
            return Marshal.PtrToStringUTF8((nint)text) ?? "";
        }
    }

    internal int Handle { get; }

    internal CudaContext Context
    {
        get
        {
            if (_context is { } context)
                return context;
            lock (_lock)
                return _context ??= new CudaContext(this, _api);
        }
    }

    /// <summary>A device by ordinal.</summary>
    /// <param name="ordinal">In [0, <see cref="Count"/>).</param>
    /// <exception cref="CudaException">There is no such device, or the driver cannot be used.</exception>
    /// <exception cref="NativeLibraryNotFoundException">No driver.</exception>
    public static CudaDevice Get(int ordinal)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(ordinal);
        var all = All;
        return ordinal < all.Count
            ? all[ordinal]
            : throw new CudaException(
                CudaErrorCode.InvalidDevice,
                "CudaDevice.Get",
                $"There is no device cuda:{ordinal}: the driver reports {all.Count} device(s)."
            );
    }

    /// <summary>The CUDA device that a tensor's device names.</summary>
    /// <param name="device">Not the CPU.</param>
    /// <exception cref="ArgumentException">The CPU.</exception>
    /// <exception cref="CudaException">There is no such device, or the driver cannot be used.</exception>
    public static CudaDevice Get(Device device) =>
        device.Type == DeviceType.Cuda
            ? Get(device.Index)
            : throw new ArgumentException(
                $"device: expected a CUDA device, got {device}",
                nameof(device)
            );

    /// <summary>An attribute of the driver by its number in <c>cuda.h</c> (<c>CUdevice_attribute</c>).</summary>
    /// <param name="attribute">The number.</param>
    /// <exception cref="CudaException">The driver does not know it.</exception>
    public int GetAttribute(int attribute)
    {
        int value = 0;
        Check(_api.DeviceGetAttribute(&value, attribute, Handle), "cuDeviceGetAttribute");
        return value;
    }

    /// <summary>Free and total memory of the device now, in bytes.</summary>
    /// <exception cref="CudaException">The driver fails.</exception>
    public (long FreeBytes, long TotalBytes) GetMemoryInfo()
    {
        using var scope = Context.Enter();
        nuint free = 0,
            total = 0;
        Context.Check(_api.MemGetInfo(&free, &total), "cuMemGetInfo");
        return ((long)free, (long)total);
    }

    /// <summary>Blocks until all work of the device is done.</summary>
    /// <exception cref="CudaException">The driver fails, or earlier work failed.</exception>
    public void Synchronize()
    {
        using var scope = Context.Enter();
        Context.Check(_api.CtxSynchronize(), "cuCtxSynchronize");
        Context.FreeDeferred();
    }

    /// <summary>Returns freed memory that the pool keeps for later allocations to the system.</summary>
    /// <param name="keepBytes">Bytes that the pool may keep.</param>
    /// <exception cref="CudaException">The driver fails.</exception>
    public void TrimMemoryPool(long keepBytes = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(keepBytes);
        using var scope = Context.Enter();
        Context.FreeDeferred();
        if (Context.MemoryPool != 0)
            Context.Check(
                _api.MemPoolTrimTo(Context.MemoryPool, (nuint)keepBytes),
                "cuMemPoolTrimTo"
            );
    }

    /// <summary>Whether this device can address the memory of another.</summary>
    /// <param name="peer">The other device.</param>
    /// <exception cref="CudaException">The driver fails.</exception>
    public bool CanAccessPeer(CudaDevice peer)
    {
        ArgumentNullException.ThrowIfNull(peer);
        if (peer.Ordinal == Ordinal)
            return true;
        int can = 0;
        Check(_api.DeviceCanAccessPeer(&can, Handle, peer.Handle), "cuDeviceCanAccessPeer");
        return can != 0;
    }

    /// <summary>
    /// Lets kernels of this device address the memory of another, allocations of its pool included. Calling it again does
    /// nothing; it holds until the process ends.
    /// </summary>
    /// <param name="peer">The other device.</param>
    /// <exception cref="CudaException">The devices cannot address each other, or the driver fails.</exception>
    public void EnablePeerAccess(CudaDevice peer)
    {
        ArgumentNullException.ThrowIfNull(peer);
        if (peer.Ordinal == Ordinal)
            return;
        if (!CanAccessPeer(peer))
            throw new CudaException(
                CudaErrorCode.PeerAccessUnsupported,
                "EnablePeerAccess",
                $"{Device} cannot address the memory of {peer.Device}."
            );
        Context.EnablePeer(peer.Context);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{Device}: {Name}, compute capability {ComputeCapability / 10}.{ComputeCapability % 10}, {MultiprocessorCount} multiprocessors, {TotalMemoryBytes >> 20} MiB"
        );

    private static CudaDevice[] FindAll()
    {
        var api = CudaApi.Instance;
        int count = 0;
        Check(api.DeviceGetCount(&count), "cuDeviceGetCount");
        var all = new CudaDevice[count];
        for (var i = 0; i < count; i++)
            all[i] = new CudaDevice(api, i);
        return all;
    }

    private static void Check(CudaErrorCode code, string operation)
    {
        if (code != CudaErrorCode.Success)
            throw new CudaException(code, operation);
    }

    private int Read(CudaDeviceAttribute attribute) => GetAttribute((int)attribute);
}
