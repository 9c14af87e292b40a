// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.Gemm;

namespace DeepInfra.Gemm.Tests.Cuda;

[Trait("Category", "Sim")]
public sealed class DenseGemmCudaTests : DenseGemmConformance<CudaBackend>;

[Trait("Category", "Sim")]
public sealed class GemmValuesCudaTests : GemmValuesConformance<CudaBackend>;

[Trait("Category", "Sim")]
public sealed class GemmFormatsCudaTests : GemmFormatsConformance<CudaBackend>;
