// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.Tensors;

namespace DeepInfra.Cuda.Tests;

[Trait("Category", "Gpu")]
public sealed class CopyDeviceTests : CopyConformance<CudaTensors>;

[Trait("Category", "Gpu")]
public sealed class CastDeviceTests : CastConformance<CudaTensors>;

[Trait("Category", "Gpu")]
public sealed class QuantizeDeviceTests : QuantizeConformance<CudaTensors>;

[Trait("Category", "Gpu")]
public sealed class CompareDeviceTests : CompareConformance<CudaTensors>;
