// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DeepInfra.Core.Interop;

/// <summary>Writes tensors as DLPack.</summary>
internal static unsafe class DLPackExport
{
    /// <summary>One allocation: the structure, then extents and steps. It holds a reference on the storage.</summary>
    public static DLManagedTensorVersioned* Create(
        Tensor tensor,
        TensorStorage storage,
        long byteOffset,
        DLPackFlags flags
    )
    {
        var rank = tensor.Rank;
        var size = sizeof(DLManagedTensorVersioned) + 2 * rank * sizeof(long);
        var managed = (DLManagedTensorVersioned*)NativeMemory.AllocZeroed((nuint)size);
        try
        {
            var added = false;
            storage.DangerousAddRef(ref added);
        }
        catch (ObjectDisposedException)
        {
            NativeMemory.Free(managed);
            throw;
        }
        var extents = (long*)(managed + 1);
        tensor.Shape.CopyTo(new Span<long>(extents, rank));
        tensor.Strides.CopyTo(new Span<long>(extents + rank, rank));
        managed->Version = DLPackVersion.Current;
        managed->ManagerContext = (void*)GCHandle.ToIntPtr(GCHandle.Alloc(storage));
        managed->Deleter = &Delete;
        managed->Flags = flags;
        managed->Tensor = new DLTensor
        {
            Data = tensor.ElementCount == 0 ? null : storage.Pointer,
            Device = new DLDevice(
                tensor.Device.IsCpu ? DLDeviceType.Cpu : DLDeviceType.Cuda,
                tensor.Device.Index
            ),
            Rank = rank,
            DataType = DLPackTypes.FromDType(tensor.DType),
            Shape = extents,
            Strides = extents + rank,
            ByteOffset = tensor.ElementCount == 0 ? 0 : (ulong)byteOffset,
        };
        return managed;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Delete(DLManagedTensorVersioned* managed)
    {
        // Nothing here can throw short of a corrupt structure, for which no caller could do anything.
        var handle = GCHandle.FromIntPtr((nint)managed->ManagerContext);
        var storage = (TensorStorage)handle.Target!;
        handle.Free();
        NativeMemory.Free(managed);
        storage.DangerousRelease();
    }
}
