// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.Core;

namespace DeepInfra.Headlines.Gemm;

/// <summary>
/// oneDNN's D [M,N] = A [M,K]·B [N,K]ᵀ with BFloat16 operands and Float32 result. Weights are rearranged once into the
/// layout that oneDNN prefers, as a serving program would do.
/// </summary>
internal sealed unsafe class OneDnnMatmul : IDisposable
{
    private readonly nint _engine;
    private readonly nint _stream;
    private readonly nint _primitive;
    private readonly nint _source;
    private readonly nint _destination;
    private readonly List<nint> _weights = [];
    private readonly List<nint> _buffers = [];

    public OneDnnMatmul(Tensor<BFloat16> a, IEnumerable<Tensor<BFloat16>> weights, Tensor<float> d)
    {
        long m = a.Shape[0],
            k = a.Shape[1],
            n = d.Shape[1];
        OneDnn.Check(OneDnn.EngineCreate(out _engine, OneDnn.EngineCpu, 0));
        OneDnn.Check(OneDnn.StreamCreate(out _stream, _engine, OneDnn.StreamDefault));
        var source = Descriptor(m, k, OneDnn.BFloat16, OneDnn.FormatRowMajor);
        var given = Descriptor(k, n, OneDnn.BFloat16, OneDnn.FormatTransposed);
        var any = Descriptor(k, n, OneDnn.BFloat16, OneDnn.FormatAny);
        var destination = Descriptor(m, n, OneDnn.Float32, OneDnn.FormatRowMajor);
        var operation = Allocate(OneDnn.MatmulDescriptorBytes);
        OneDnn.Check(OneDnn.MatmulInit(operation, source, any, null, destination));
        OneDnn.Check(
            OneDnn.PrimitiveDescriptorCreate(out var descriptor, operation, 0, _engine, 0)
        );
        byte* name;
        OneDnn.Check(OneDnn.Query(descriptor, OneDnn.QueryImplementation, 0, &name));
        Implementation = Marshal.PtrToStringUTF8((nint)name) ?? "";
        OneDnn.Check(OneDnn.PrimitiveCreate(out _primitive, descriptor));
        OneDnn.Check(OneDnn.MemoryCreate(out _source, source, _engine, a.DataPointer));
        OneDnn.Check(OneDnn.MemoryCreate(out _destination, destination, _engine, d.DataPointer));
        var wanted = OneDnn.QueryMemoryDescriptor(descriptor, OneDnn.QueryWeights, 0);
        foreach (var matrix in weights)
            _weights.Add(Rearrange(matrix, given, wanted));
        OneDnn.Check(OneDnn.PrimitiveDescriptorDestroy(descriptor));
    }

    /// <summary>The kernel that oneDNN chose.</summary>
    public string Implementation { get; }

    /// <summary>Multiplies with one of the weight matrices and waits.</summary>
    public void Run(int weights)
    {
        var arguments = stackalloc OneDnn.Argument[3];
        arguments[0] = new() { Index = OneDnn.ArgumentSource, Memory = _source };
        arguments[1] = new() { Index = OneDnn.ArgumentWeights, Memory = _weights[weights] };
        arguments[2] = new() { Index = OneDnn.ArgumentDestination, Memory = _destination };
        OneDnn.Check(OneDnn.Execute(_primitive, _stream, 3, arguments));
        OneDnn.Check(OneDnn.StreamWait(_stream));
    }

    public void Dispose()
    {
        foreach (var memory in _weights)
            OneDnn.Check(OneDnn.MemoryDestroy(memory));
        OneDnn.Check(OneDnn.MemoryDestroy(_source));
        OneDnn.Check(OneDnn.MemoryDestroy(_destination));
        OneDnn.Check(OneDnn.PrimitiveDestroy(_primitive));
        OneDnn.Check(OneDnn.StreamDestroy(_stream));
        OneDnn.Check(OneDnn.EngineDestroy(_engine));
        foreach (var buffer in _buffers)
            NativeMemory.AlignedFree((void*)buffer);
    }

    private nint Rearrange(Tensor<BFloat16> matrix, byte* given, byte* wanted)
    {
        OneDnn.Check(OneDnn.MemoryCreate(out var from, given, _engine, matrix.DataPointer));
        var buffer = Allocate(OneDnn.MemoryDescriptorSize(wanted));
        OneDnn.Check(OneDnn.MemoryCreate(out var to, wanted, _engine, buffer));
        OneDnn.Check(OneDnn.ReorderCreate(out var descriptor, given, _engine, wanted, _engine, 0));
        OneDnn.Check(OneDnn.PrimitiveCreate(out var reorder, descriptor));
        var arguments = stackalloc OneDnn.Argument[2];
        arguments[0] = new() { Index = OneDnn.ArgumentSource, Memory = from };
        arguments[1] = new() { Index = OneDnn.ArgumentDestination, Memory = to };
        OneDnn.Check(OneDnn.Execute(reorder, _stream, 2, arguments));
        OneDnn.Check(OneDnn.StreamWait(_stream));
        OneDnn.Check(OneDnn.PrimitiveDestroy(reorder));
        OneDnn.Check(OneDnn.PrimitiveDescriptorDestroy(descriptor));
        OneDnn.Check(OneDnn.MemoryDestroy(from));
        return to;
    }

    private byte* Descriptor(long rows, long columns, int type, int tag)
    {
        var descriptor = Allocate(OneDnn.MemoryDescriptorBytes);
        var extents = stackalloc long[] { rows, columns };
        OneDnn.Check(OneDnn.MemoryDescriptorInit(descriptor, 2, extents, type, tag));
        return descriptor;
    }

    private byte* Allocate(nuint bytes)
    {
        var buffer = (byte*)NativeMemory.AlignedAlloc(bytes, 64);
        _buffers.Add((nint)buffer);
        return buffer;
    }
}
