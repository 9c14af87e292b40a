// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.Tensors;

namespace DeepInfra.Core.Tests.Conformance;

public sealed class CopyCpuTests : CopyConformance<CpuTensors<ReferenceTier>>;

public sealed class CastReferenceTests : CastConformance<CpuTensors<ReferenceTier>>;

public sealed class Cast128Tests : CastConformance<CpuTensors<Tier128>>;

public sealed class Cast256Tests : CastConformance<CpuTensors<Tier256>>;

public sealed class Cast512Tests : CastConformance<CpuTensors<Tier512>>;

public sealed class QuantizeReferenceTests : QuantizeConformance<CpuTensors<ReferenceTier>>;

public sealed class Quantize128Tests : QuantizeConformance<CpuTensors<Tier128>>;

public sealed class Quantize256Tests : QuantizeConformance<CpuTensors<Tier256>>;

public sealed class Quantize512Tests : QuantizeConformance<CpuTensors<Tier512>>;
