// SPDX-License-Identifier: MIT
namespace DeepInfra.Testing;

/// <summary>The tolerance of every operation and element type. Tests take theirs from here.</summary>
public static class Tolerances
{
    public static class FlashMla
    {
        public static Tolerance DenseDecode { get; } = new(8e-4, 2.01 / 128, 5e-6);
        public static Tolerance DenseDecodeLogSumExp { get; } = new(1e-6, 8.01 / 65536);

        /// <summary>Against the dequantised cache.</summary>
        public static Tolerance SparseDecode { get; } = new(1e-3, 2.01 / 128, 5e-6);
        public static Tolerance SparseDecodeLogSumExp { get; } = new(1e-6, 8.01 / 65536);

        /// <summary>Against binary32 output.</summary>
        public static Tolerance SparsePrefill { get; } = new(8e-4, 3.01 / 128, 7e-6);
        public static Tolerance SparsePrefillLogSumExp { get; } = new(1e-6, 2.01 / 65536);

        /// <summary>Forward output and the gradients dq, dk, dv.</summary>
        public static Tolerance DensePrefill { get; } = new(1e-3, 8.01 / 128, 7e-6);

        /// <summary>Gradients when the forward output, which enters them, was rounded to 16 bits.</summary>
        public static Tolerance DensePrefillBackward16 { get; } = new(1e-3, 8.01 / 128, 2e-5);
        public static Tolerance DensePrefillLogSumExp { get; } = new(1e-6, 2.01 / 65536);

        /// <summary>The CPU backend before its final rounding.</summary>
        public static Tolerance Cpu { get; } = new(2e-5, 2e-5, 1e-9);
        public static Tolerance CpuLogSumExp { get; } = new(1e-6, 1e-5);

        /// <summary>Logits of ±1e4: binary32 products are off by 1e-3, which the exponential turns into relative error.</summary>
        public static Tolerance CpuHugeLogits { get; } = new(0.05, 2.01 / 128, 5e-6);
    }

    public static class Gemm
    {
        /// <summary>FP8 × FP8 against the unquantised product.</summary>
        public static Tolerance Fp8 { get; } = Tolerance.OfDifference(1e-3);
        public static Tolerance Fp8Fp4 { get; } = Tolerance.OfDifference(0.01);
        public static Tolerance Fp4 { get; } = Tolerance.OfDifference(0.02);
        public static Tolerance BFloat16 { get; } = Tolerance.OfDifference(1e-5);
        public static Tolerance CublasLtBFloat16 { get; } = Tolerance.OfDifference(6e-7);
        public static Tolerance CublasLtBFloat16Accumulate { get; } = Tolerance.OfDifference(1e-5);

        /// <summary>bhr/bhd against a reference rounded to BF16.</summary>
        public static Tolerance Einsum { get; } = Tolerance.OfDifference(1e-10);
        public static Tolerance EinsumBatchReduce { get; } = Tolerance.OfDifference(1e-5);

        /// <summary>Hyper-connection pre-norm against a TF32 reference.</summary>
        public static Tolerance HyperConnectionTf32 { get; } = Tolerance.OfDifference(1e-8);
        public static Tolerance HyperConnectionExact { get; } = Tolerance.OfDifference(1e-6);
        public static Tolerance HyperConnectionCpu { get; } = Tolerance.OfDifference(1e-12);
        public static Tolerance MqaLogitsFp8 { get; } = Tolerance.OfDifference(1e-3);
        public static Tolerance MqaLogitsFp4 { get; } = Tolerance.OfDifference(0.02);

        /// <summary>Against a reference that simulates the quantisation.</summary>
        public static Tolerance MqaLogitsSimulated { get; } = Tolerance.OfDifference(5e-6);
        public static Tolerance MqaLogitsSimulatedBFloat16 { get; } = Tolerance.OfDifference(3e-5);

        /// <summary>Elementwise limit |error| ≤ 2^-8 |d| + c Σ|ab|: the factor c on a GPU with FP8.</summary>
        public static double ElementwiseFp8Gpu => Math.Pow(2, -11);

        /// <summary>The factor c on the CPU and for BF16.</summary>
        public static double ElementwiseCpu => Math.Pow(2, -20);
    }

    /// <summary>To be used with <see cref="Metrics.ShiftedDifference"/>.</summary>
    public static class Ep
    {
        public static Tolerance Throughput { get; } = Tolerance.OfDifference(5e-6);
        public static Tolerance ThroughputWeights { get; } = Tolerance.OfDifference(1e-9);
        public static Tolerance LowLatencyBFloat16 { get; } = Tolerance.OfDifference(1e-5);
        public static Tolerance LowLatencyFp8 { get; } = Tolerance.OfDifference(9e-4);
        public static Tolerance LowLatencyPowerOfTwoIndex { get; } = Tolerance.OfDifference(0.007);
    }
}
