// SPDX-License-Identifier: MIT
using System.Runtime.Intrinsics;
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Numerics;

namespace DeepInfra.Core.Quantization;

/// <summary>The code formats as a run-time value.</summary>
internal enum CodeFormat
{
    E4M3,
    E5M2,
    E2M1,
    E2M1HalfDown,
}

/// <summary>
/// Turns the run-time choices tier, element type (binary32 or BF16) and code format into type arguments and runs
/// the operation on the pool.
/// </summary>
internal static class QuantizeDispatch
{
    // About 10 µs of work: less than this is not worth waking another thread.
    private const long ParallelElements = 32 * 1024;

    public static void Run<TOp>(
        in TOp operation,
        DType dtype,
        CodeFormat format,
        CpuBackendOptions? options
    )
        where TOp : struct, IQuantizeOperation
    {
        options ??= CpuBackendOptions.Default;
        switch (options.Tier)
        {
            case SimdTier.V512:
                Run<TOp, Simd512, Vector512<float>, Vector512<uint>>(
                    operation,
                    dtype,
                    format,
                    options
                );
                break;
            case SimdTier.V256:
                Run<TOp, Simd256, Vector256<float>, Vector256<uint>>(
                    operation,
                    dtype,
                    format,
                    options
                );
                break;
            case SimdTier.V128:
                Run<TOp, Simd128, Vector128<float>, Vector128<uint>>(
                    operation,
                    dtype,
                    format,
                    options
                );
                break;
            default:
                Run<TOp, SimdScalar, float, uint>(operation, dtype, format, options);
                break;
        }
    }

    private static void Run<TOp, S, VF, VU>(
        in TOp operation,
        DType dtype,
        CodeFormat format,
        CpuBackendOptions options
    )
        where TOp : struct, IQuantizeOperation
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct
    {
        if (dtype == DType.Float32)
            Run<TOp, S, VF, VU, float>(operation, format, options);
        else
            Run<TOp, S, VF, VU, BFloat16>(operation, format, options);
    }

    private static void Run<TOp, S, VF, VU, T>(
        in TOp operation,
        CodeFormat format,
        CpuBackendOptions options
    )
        where TOp : struct, IQuantizeOperation
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct
        where T : unmanaged
    {
        switch (format)
        {
            case CodeFormat.E4M3:
                Run<TOp, S, VF, VU, T, E4M3Format>(operation, options);
                break;
            case CodeFormat.E5M2:
                Run<TOp, S, VF, VU, T, E5M2Format>(operation, options);
                break;
            case CodeFormat.E2M1:
                Run<TOp, S, VF, VU, T, E2M1Format>(operation, options);
                break;
            default:
                Run<TOp, S, VF, VU, T, E2M1HalfDownFormat>(operation, options);
                break;
        }
    }

    private static void Run<TOp, S, VF, VU, T, TFormat>(in TOp operation, CpuBackendOptions options)
        where TOp : struct, IQuantizeOperation
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct
        where T : unmanaged
        where TFormat : struct, ICodeFormat
    {
        var work = new Work<TOp, S, VF, VU, T, TFormat>(operation);
        var threads =
            operation.ElementCount < ParallelElements ? 1 : options.MaxDegreeOfParallelism;
        CpuParallel.Run(operation.ItemCount, ref work, threads);
    }

    private readonly struct Work<TOp, S, VF, VU, T, TFormat>(TOp operation) : ICpuWork
        where TOp : struct, IQuantizeOperation
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct
        where T : unmanaged
        where TFormat : struct, ICodeFormat
    {
        public void Execute(int item, int worker) => operation.Execute<S, VF, VU, T, TFormat>(item);
    }
}
