// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Quantization;
using DeepInfra.Gemm;

namespace DeepInfra.Bench.Gpu.Gemm;

/// <summary>
/// Dense multiplications D = A·Bᵀ on the shapes of DeepSeek's models, one token, a small batch and a large one. FP8 has a scale for
/// every 1x128 of A and every 128x128 of B. Bytes are those of A, B, their scales and D; operations 2·M·N·K.
/// </summary>
internal sealed class DenseGemm(Measurements measurements)
{
    private const int Group = 128;
    private const int CheckedRows = 4;
    private const double Tolerance = 1e-4;

    private static readonly (int N, int K)[] s_models =
    [
        (2112, 7168),
        (576, 7168),
        (24576, 1536),
        (32768, 512),
        (7168, 16384),
        (4096, 7168),
        (7168, 2048),
    ];

    private static readonly int[] s_rows = [1, 128, 4096];

    private readonly CudaStream _stream = measurements.Stream;
    private readonly CudaDevice _device = CudaDevice.Get(measurements.Stream.Device);
    private readonly GemmContext _context = GemmContext.ForDevice(measurements.Stream.Device);

    public void Run()
    {
        (int N, int K)[] shapes = measurements.IsSmoke ? [(256, 384)] : s_models;
        int[] rows = measurements.IsSmoke ? [1, 72] : s_rows;
        foreach (var (n, k) in shapes)
        {
            using var b = RandomTensors.Normal(n, k, 2, _stream);
            foreach (var m in rows)
            {
                using var a = RandomTensors.Normal(m, k, 1, _stream);
                RunFp8(a, b, m, n, k);
                // Others have no kernel for it yet.
                if (_device.ComputeCapability / 10 == 9)
                    RunBf16(a, b, m, n, k);
            }
        }
    }

    private void RunFp8(Tensor a, Tensor b, int m, int n, int k)
    {
        using var codesA = Tensor<Float8E4M3>.Create([m, k], _stream);
        using var scalesA = Tensor<float>.Create([m, Blocks(k)], _stream);
        using var codesB = Tensor<Float8E4M3>.Create([n, k], _stream);
        using var scalesB = Tensor<float>.Create([Blocks(n), Blocks(k)], _stream);
        using var d = Tensor<BFloat16>.Create([m, n], _stream);
        Quantizer.QuantizePerToken(a, codesA, scalesA, _stream);
        Quantizer.QuantizePerBlock(b, codesB, scalesB, _stream);
        var (left, right) = (new ScaledTensor(codesA, scalesA), new ScaledTensor(codesB, scalesB));
        var call = new GemmCall { Stream = _stream };

        var time = measurements.Timer.Measure(() => _context.Ops.Fp8GemmNT(left, right, d, call));

        using var hostB = ToHost(codesB);
        using var hostScales = ToHost(scalesB);
        using var rowsA = ToHost(First(codesA));
        using var rowScales = ToHost(First(scalesA));
        using var expected = Tensor<float>.Create([rowsA.Shape[0], n]);
        GemmContext.Cpu.Ops.Fp8GemmNT(
            new ScaledTensor(rowsA, rowScales),
            new ScaledTensor(hostB, hostScales),
            expected
        );
        Expect(d, expected, "FP8");
        var scales = 4L * (m * Blocks(k) + Blocks(n) * Blocks(k));
        Add("fp8 nt", m, n, k, time, (long)m * k + (long)n * k + scales + 2L * m * n);
    }

    private void RunBf16(Tensor a, Tensor b, int m, int n, int k)
    {
        using var d = Tensor<BFloat16>.Create([m, n], _stream);
        var call = new GemmCall { Stream = _stream };

        var time = measurements.Timer.Measure(() => _context.Ops.Bf16GemmNT(a, b, d, call));

        using var hostB = ToHost(b);
        using var rowsA = ToHost(First(a));
        using var expected = Tensor<float>.Create([rowsA.Shape[0], n]);
        GemmContext.Cpu.Ops.Bf16GemmNT(rowsA, hostB, expected);
        Expect(d, expected, "BF16");
        Add("bf16 nt", m, n, k, time, 2L * m * k + 2L * n * k + 2L * m * n);
    }

    private void Add(string name, int m, int n, int k, double time, long bytes) =>
        measurements.Add("gemm", name, $"[{m},{n},{k}]", time, bytes, 2L * m * n * k);

    // A figure of a wrong result is worth nothing: some rows are computed on the CPU too.
    private void Expect(Tensor<BFloat16> d, Tensor<float> expected, string name)
    {
        using var rows = (Tensor<BFloat16>)ToHost(First(d));
        var difference = GemmDiagnostics.CalcDiff(
            [.. rows.ToArray().Select(v => (double)(float)v)],
            [.. expected.ToArray().Select(v => (double)v)]
        );
        if (!(difference < Tolerance))
            throw new InvalidOperationException(
                $"{name} is wrong: the difference to the CPU is {difference:g3} for {d}"
            );
    }

    private static Tensor First(Tensor tensor) =>
        tensor.AsSlice(0, 0, Math.Min(CheckedRows, tensor.Shape[0]));

    private Tensor ToHost(Tensor tensor)
    {
        var host = tensor.ToDevice(Device.Cpu, _stream);
        _stream.Synchronize();
        return host;
    }

    private static int Blocks(int extent) => (extent + Group - 1) / Group;
}
