// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;

namespace DeepInfra.Conformance.Tensors;

/// <summary>
/// The elementwise operations of Core on one backend. Operands are in host memory; a backend on a device copies their whole storage
/// there and back, so that a test sees what else was written.
/// </summary>
public interface ITensorBackend
{
    /// <summary>Skips the calling test where the backend is not on this machine.</summary>
    static abstract void Require();

    /// <summary>Sets every element.</summary>
    /// <param name="destination">Elements of 1, 2, 4 or 8 bytes.</param>
    /// <param name="bits">Bits of the element, right-aligned.</param>
    static abstract void Fill(Operand destination, ulong bits);

    /// <summary>Copies elements between layouts.</summary>
    static abstract void Copy(Operand source, Operand destination);

    /// <summary>Converts between Float32, Float16, BFloat16, Float8E4M3 and Float8E5M2.</summary>
    static abstract void Cast(Operand source, Operand destination, OverflowMode overflow);

    /// <summary>Quantises.</summary>
    static abstract void Quantize(QuantizeCase form, Operand x, Operand data, Operand scales);

    /// <summary>Dequantises.</summary>
    static abstract void Dequantize(
        QuantizeCase form,
        Operand data,
        Operand scales,
        Operand destination
    );
}

/// <summary>A backend that compares tensors where they are.</summary>
public interface IComparingBackend
{
    /// <summary>Skips the calling test where the backend is not on this machine.</summary>
    static abstract void Require();

    /// <summary>Compares; see <see cref="CudaTensor.Compare"/>.</summary>
    static abstract TensorDifference Compare(
        Operand actual,
        Operand expected,
        float absolute,
        float relative
    );
}
