// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.Gemm;
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Testing;

namespace DeepInfra.Gemm.Tests.Cuda;

/// <summary>What calls on a CUDA device take and refuse.</summary>
public sealed class CudaGemmTests
{
    private const int M = 16;
    private const int N = 32;
    private const int K = 128;

    [CudaFact]
    public void Gemm_WithoutStream_Throws()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        using var operands = new Operands(stream);

        var call = () => operands.Context.Ops.Fp8GemmNT(operands.A, operands.B, operands.D);

        call.Should().Throw<ArgumentNullException>().WithMessage("Stream:*cuda:0 need a stream*");
    }

    [CudaFact]
    public void Gemm_TensorOfTheHost_Throws()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        using var operands = new Operands(stream);
        using var host = Tensor<float>.Create([M, N]);

        var call = () =>
            operands.Context.Ops.Fp8GemmNT(
                operands.A,
                operands.B,
                host,
                new GemmCall { Stream = stream }
            );

        call.Should()
            .Throw<ArgumentException>()
            .WithMessage("d: expected a tensor on cuda:0, got one on cpu*");
    }

    [CudaFact]
    public void Gemm_NaNInBFloat16_HasOneForm()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        var inputs = new GemmInputs(1);
        using var a = inputs.BFloat16s(M, K);
        // A negative NaN with a payload of its own.
        a.AsView().Row(3)[9] = BFloat16.FromBits(0xFF81);
        using var b = inputs.BFloat16s(N, K);
        using var left = a.ToDevice(stream.Device, stream);
        using var right = b.ToDevice(stream.Device, stream);
        using var d = Tensor<BFloat16>.Create([M, N], stream);

        GemmContext
            .ForDevice(Device.Cuda(0))
            .Ops.Bf16GemmNT(left, right, d, new GemmCall { Stream = stream });

        var bits = d.ToArray(stream).Select(v => v.Bits).ToArray();
        bits.Skip(3 * N).Take(N).Should().OnlyContain(v => v == 0x7FFF);
        bits.Where(v => v == 0x7FFF).Should().HaveCount(N);
    }

    /// <summary>The operators of <c>MGroupedGemmConformance</c> and <c>KGroupedGemmConformance</c>: none has kernels yet.</summary>
    [CudaFact]
    public void GroupedGemm_OnADevice_IsNotSupported()
    {
        var ops = GemmContext.ForDevice(Device.Cuda(0)).Ops;
        var inputs = new GemmInputs(1);
        using var scope = new TensorScope();
        var (a16, a8) = (
            inputs.BFloat16s(M, K).ToContiguous(),
            Scaled(inputs.Fp8(M, K).ToContiguous(), inputs.Scales(M, 1))
        );
        var (b16, b8) = (
            inputs.BFloat16s(N, K).ToContiguous().AsReshaped([1, N, K]),
            Scaled(
                inputs.Fp8(N, K).ToContiguous().AsReshaped([1, N, K]),
                Tensor<float>.Create([1, 1, 1])
            )
        );
        var (rows16, rows8) = (
            a16.AsReshaped([1, M, K]),
            Scaled(a8.Data.AsReshaped([1, M, K]), a8.Scales.AsReshaped([1, M, 1]))
        );
        var (left16, right16) = (inputs.BFloat16s(K, M), inputs.BFloat16s(K, N));
        var left8 = Scaled(inputs.Fp8(K, M), inputs.Scales(1, M));
        var right8 = Scaled(inputs.Fp8(K, N), inputs.Scales(1, N));
        var d = Tensor<float>.Create([M, N]);
        var grouped = Tensor<float>.Create([1, M, N]);
        var indices = new MIndicesLayout(Tensor<int>.Create([M]));
        var ends = Tensor<int>.FromSpan([M], [1]);
        var depth = new PrefixSumLayout(Tensor<int>.FromSpan([K], [1]));

        Refused(() => ops.MGroupedBf16Gemm(a16, b16, d, indices));
        Refused(() => ops.MGroupedFp8Gemm(a8, b8, d, indices));
        Refused(() => ops.MGroupedBf16Gemm(a16, b16, d, new PrefixSumLayout(ends)));
        Refused(() => ops.MGroupedFp8Gemm(a8, b8, d, new PrefixSumLayout(ends)));
        Refused(() => ops.MGroupedBf16GemmMasked(rows16, b16, grouped, ends, 1));
        Refused(() => ops.MGroupedFp8GemmMasked(rows8, b8, grouped, ends, 1));
        Refused(() => ops.KGroupedBf16Gemm(left16, right16, grouped, [K]));
        Refused(() => ops.KGroupedFp8Gemm(left8, right8, grouped, [K]));
        Refused(() => ops.KGroupedBf16Gemm(left16, right16, grouped, depth));
        Refused(() => ops.KGroupedFp8Gemm(left8, right8, grouped, depth));

        static void Refused(Action call) =>
            call.Should()
                .Throw<NotSupportedException>()
                .WithMessage("*grouped multiplications have no CUDA kernels*use GemmContext.Cpu");
        static ScaledTensor Scaled(Tensor data, Tensor scales) => new(data, scales);
    }

    [CudaFact]
    public void GroupedGemm_TensorsOfADevice_AreNotSupported()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        using var scope = new TensorScope();
        var inputs = new GemmInputs(1);
        var a = inputs.BFloat16s(M, K).ToDevice(stream.Device, stream);
        var b = Tensor<BFloat16>.Create([1, N, K]);
        var d = Tensor<float>.Create([M, N]);

        var call = () =>
            GemmContext
                .ForDevice(Device.Cuda(0))
                .Ops.MGroupedBf16Gemm(a, b, d, new MIndicesLayout(Tensor<int>.Create([M])));

        call.Should()
            .Throw<NotSupportedException>()
            .WithMessage("a: expected*others run on the CPU only");
    }

    [CudaFact]
    public void Layout_TensorOfADevice_IsNotSupported()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        using var scales = Tensor<float>.Create([M, 4], stream);

        var call = () => GemmContext.ForDevice(Device.Cuda(0)).Layout.PackUe8m0(scales);

        call.Should()
            .Throw<NotSupportedException>()
            .WithMessage("scales: layouts are converted on the CPU*");
    }

    [CudaFact]
    public void Gemm_OperandsDisposedAtOnce_ComputesFirst()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        var operands = new Operands(stream);

        operands.Context.Ops.Fp8GemmNT(
            operands.A,
            operands.B,
            operands.D,
            new GemmCall { Stream = stream }
        );
        operands.A.Data.Dispose();
        operands.A.Scales.Dispose();
        operands.B.Data.Dispose();
        operands.B.Scales.Dispose();
        var values = operands.D.ToArray(stream);
        operands.D.Dispose();

        values.Should().OnlyContain(v => v == K * 2f * 0.5f);
    }

    [CudaFact]
    public void Gemm_CancelledToken_Throws()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        using var operands = new Operands(stream);

        var call = () =>
            operands.Context.Ops.Fp8GemmNT(
                operands.A,
                operands.B,
                operands.D,
                new GemmCall { Stream = stream, CancellationToken = new CancellationToken(true) }
            );

        call.Should().Throw<OperationCanceledException>();
    }

    // A and B full of ones; scales 2 and 0.5.
    private sealed class Operands : IDisposable
    {
        public Operands(CudaStream stream)
        {
            A = new ScaledTensor(Ones(M, stream), Filled(2f, M, stream));
            B = new ScaledTensor(Ones(N, stream), Filled(0.5f, 1, stream));
            D = Tensor<float>.Create([M, N], stream);
        }

        public GemmContext Context { get; } = GemmContext.ForDevice(Device.Cuda(0));

        public ScaledTensor A { get; }

        public ScaledTensor B { get; }

        public Tensor<float> D { get; }

        public void Dispose()
        {
            foreach (var tensor in new[] { A.Data, A.Scales, B.Data, B.Scales, D })
                tensor.Dispose();
        }

        private static Tensor<Float8E4M3> Ones(int rows, CudaStream stream)
        {
            using var host = Tensor<Float8E4M3>.Create([rows, K]);
            host.Fill(Float8E4M3.FromBits(0x38));
            return host.ToDevice(stream.Device, stream);
        }

        private static Tensor<float> Filled(float value, int rows, CudaStream stream)
        {
            using var host = Tensor<float>.Create([rows, 1]);
            host.Fill(value);
            return host.ToDevice(stream.Device, stream);
        }
    }
}
