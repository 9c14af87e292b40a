// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DeepInfra.Core.Interop;

namespace DeepInfra.Core.Tests.Interop;

/// <summary>A binary32 tensor 0, 1, 2, … that some other library would hand over, counting calls of its deleter.</summary>
internal sealed unsafe class ForeignTensor : IDisposable
{
    private readonly float* _data = (float*)NativeMemory.AlignedAlloc(64 * sizeof(float), 256);
    private readonly long* _extents = (long*)NativeMemory.AllocZeroed(16, sizeof(long));
    private readonly int* _deletions = (int*)NativeMemory.AllocZeroed(1, sizeof(int));

    public ForeignTensor(long[] shape)
    {
        for (var i = 0; i < 64; i++)
            _data[i] = i;
        long step = 1;
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            _extents[i] = shape[i];
            _extents[8 + i] = step;
            step *= shape[i];
        }
        var tensor = new DLTensor
        {
            Data = _data,
            Device = new DLDevice(DLDeviceType.Cpu, 0),
            Rank = shape.Length,
            DataType = new DLDataType(DLDataTypeCode.Float, 32, 1),
            Shape = _extents,
            Strides = _extents + 8,
        };
        Versioned = (DLManagedTensorVersioned*)
            NativeMemory.AllocZeroed((nuint)sizeof(DLManagedTensorVersioned));
        Versioned->Version = new DLPackVersion(1, 0);
        Versioned->ManagerContext = _deletions;
        Versioned->Deleter = &Delete;
        Versioned->Tensor = tensor;
        Legacy = (DLManagedTensor*)NativeMemory.AllocZeroed((nuint)sizeof(DLManagedTensor));
        Legacy->ManagerContext = _deletions;
        Legacy->Deleter = &DeleteLegacy;
        Legacy->Tensor = tensor;
    }

    public DLManagedTensorVersioned* Versioned { get; }

    public DLManagedTensor* Legacy { get; }

    public int Deletions => Volatile.Read(ref *_deletions);

    public void Dispose()
    {
        NativeMemory.AlignedFree(_data);
        NativeMemory.Free(_extents);
        NativeMemory.Free(Versioned);
        NativeMemory.Free(Legacy);
        // The counter stays: a late second call of the deleter must be harmless to other tests.
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Delete(DLManagedTensorVersioned* self) =>
        Interlocked.Increment(ref *(int*)self->ManagerContext);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void DeleteLegacy(DLManagedTensor* self) =>
        Interlocked.Increment(ref *(int*)self->ManagerContext);
}
