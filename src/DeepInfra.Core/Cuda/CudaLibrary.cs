// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Text;
using DeepInfra.Core.Interop;

namespace DeepInfra.Core.Cuda;

/// <summary>
/// A compiled image (cubin, fatbin or PTX) with its kernels. It belongs to no device: the driver loads it where a kernel is first
/// used. Thread-safe.
/// </summary>
public sealed unsafe class CudaLibrary : IDisposable
{
    private readonly SafeLibraryHandle _handle;
    private readonly CudaApi _api;
    private readonly ConcurrentDictionary<string, CudaKernel> _kernels = new(
        StringComparer.Ordinal
    );

    private CudaLibrary(CudaApi api, SafeLibraryHandle handle, string name)
    {
        _api = api;
        _handle = handle;
        Name = name;
    }

    /// <summary>The name for messages.</summary>
    public string Name { get; }

    /// <summary>True once disposed.</summary>
    public bool IsDisposed => _handle.IsClosed;

    internal SafeLibraryHandle SafeHandle => _handle;

    /// <summary>Loads an image; the driver copies it.</summary>
    /// <param name="image">Cubin or fatbin, or PTX text with a terminating zero.</param>
    /// <param name="name">A name for messages.</param>
    /// <exception cref="ArgumentException">The image is empty.</exception>
    /// <exception cref="NativeLibraryNotFoundException">No driver.</exception>
    /// <exception cref="CudaException">The image is malformed, or holds nothing for the devices of this machine.</exception>
    public static CudaLibrary Load(ReadOnlySpan<byte> image, string name = "library")
    {
        if (image.IsEmpty)
            throw new ArgumentException(
                "image: expected a cubin, fatbin or PTX, got nothing",
                nameof(image)
            );
        var api = CudaApi.Instance;
        nint library = 0;
        CudaErrorCode status;
        fixed (byte* pointer = image)
            status = api.LibraryLoadData(&library, pointer, null, null, 0, null, null, 0);
        if (status != CudaErrorCode.Success)
            throw new CudaException(status, $"cuLibraryLoadData of {name}");
        return new CudaLibrary(api, new SafeLibraryHandle(api, library), name);
    }

    /// <summary>A kernel by its symbol.</summary>
    /// <param name="symbol">The name in the image: mangled unless declared <c>extern "C"</c>.</param>
    /// <exception cref="CudaException">The image has no such kernel.</exception>
    /// <exception cref="ObjectDisposedException">The library was disposed.</exception>
    public CudaKernel GetKernel(string symbol)
    {
        ArgumentException.ThrowIfNullOrEmpty(symbol);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (_kernels.TryGetValue(symbol, out var known))
            return known;
        nint kernel = 0;
        CudaErrorCode status;
        fixed (byte* text = Encoding.UTF8.GetBytes(symbol + '\0'))
            status = _api.LibraryGetKernel(&kernel, _handle.Value, text);
        if (status == CudaErrorCode.NotFound)
            throw new CudaException(
                status,
                "cuLibraryGetKernel",
                $"{Name} has no kernel '{symbol}' (CUDA_ERROR_NOT_FOUND)."
            );
        if (status != CudaErrorCode.Success)
            throw new CudaException(status, $"cuLibraryGetKernel of {symbol} in {Name}");
        return _kernels.GetOrAdd(symbol, new CudaKernel(this, _api, kernel, symbol));
    }

    /// <summary>Unloads the image. Its kernels must not be running any more. A second call does nothing.</summary>
    public void Dispose() => _handle.Dispose();
}
