// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Core.Interop;

/// <summary>Tensors as the C ABI takes them, on the caller's stack.</summary>
internal static unsafe class NativeTensors
{
    /// <summary>Extents and strides of one tensor.</summary>
    [InlineArray(2 * Core.Shape.MaxRank)]
    public struct Dimensions
    {
        private long _element;
    }

    /// <summary>
    /// Describes a tensor. The caller keeps <paramref name="dimensions"/> where it is and the tensor alive until the call returned.
    /// </summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="dimensions">Memory for extents and strides.</param>
    public static DLTensor Describe(Tensor tensor, Dimensions* dimensions)
    {
        var shape = (long*)dimensions;
        var strides = shape + Shape.MaxRank;
        for (var i = 0; i < tensor.Rank; i++)
        {
            shape[i] = tensor.Shape[i];
            strides[i] = tensor.Strides[i];
        }
        return new DLTensor
        {
            Data = tensor.ElementCount == 0 ? null : tensor.DataPointer,
            Device = new DLDevice((DLDeviceType)(tensor.Device.IsCpu ? 1 : 2), tensor.Device.Index),
            Rank = tensor.Rank,
            DataType = DLPackTypes.FromDType(tensor.DType),
            Shape = shape,
            Strides = strides,
        };
    }

    /// <summary>Refuses a tensor that cannot be used on the stream.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="name">Name of the argument.</param>
    /// <param name="stream">The stream.</param>
    public static void Check(Tensor tensor, string name, Cuda.CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        ObjectDisposedException.ThrowIf(tensor.IsDisposed, tensor);
        if (tensor.Device != stream.Device)
            throw new ArgumentException(
                $"{name}: expected a tensor on {stream.Device}, the device of the stream, got {tensor}",
                name
            );
    }
}
