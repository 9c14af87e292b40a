// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.Gemm;

namespace DeepInfra.Gemm.Tests.Cpu;

public sealed class DenseGemmV512Tests : DenseGemmConformance<TierV512>;

public sealed class DenseGemmNativeTests : DenseGemmConformance<NativeKernels>;

public sealed class DenseGemmV256Tests : DenseGemmConformance<TierV256>;

public sealed class DenseGemmV128Tests : DenseGemmConformance<TierV128>;

public sealed class DenseGemmReferenceTests : DenseGemmConformance<TierReference>;

public sealed class GemmValuesV512Tests : GemmValuesConformance<TierV512>;

public sealed class GemmValuesNativeTests : GemmValuesConformance<NativeKernels>;

public sealed class GemmValuesV256Tests : GemmValuesConformance<TierV256>;

public sealed class GemmValuesV128Tests : GemmValuesConformance<TierV128>;

public sealed class GemmValuesReferenceTests : GemmValuesConformance<TierReference>;

public sealed class MGroupedGemmV512Tests : MGroupedGemmConformance<TierV512>;

public sealed class MGroupedGemmNativeTests : MGroupedGemmConformance<NativeKernels>;

public sealed class MGroupedGemmV256Tests : MGroupedGemmConformance<TierV256>;

public sealed class MGroupedGemmV128Tests : MGroupedGemmConformance<TierV128>;

public sealed class MGroupedGemmReferenceTests : MGroupedGemmConformance<TierReference>;

public sealed class KGroupedGemmV512Tests : KGroupedGemmConformance<TierV512>;

public sealed class KGroupedGemmNativeTests : KGroupedGemmConformance<NativeKernels>;

public sealed class KGroupedGemmV256Tests : KGroupedGemmConformance<TierV256>;

public sealed class KGroupedGemmV128Tests : KGroupedGemmConformance<TierV128>;

public sealed class KGroupedGemmReferenceTests : KGroupedGemmConformance<TierReference>;

public sealed class GemmFormatsV512Tests : GemmFormatsConformance<TierV512>;

public sealed class GemmFormatsNativeTests : GemmFormatsConformance<NativeKernels>;

public sealed class GemmFormatsV256Tests : GemmFormatsConformance<TierV256>;

public sealed class GemmFormatsV128Tests : GemmFormatsConformance<TierV128>;

public sealed class GemmFormatsReferenceTests : GemmFormatsConformance<TierReference>;

public sealed class KGroupedFormatsV512Tests : KGroupedFormatsConformance<TierV512>;

public sealed class KGroupedFormatsNativeTests : KGroupedFormatsConformance<NativeKernels>;

public sealed class KGroupedFormatsV256Tests : KGroupedFormatsConformance<TierV256>;

public sealed class KGroupedFormatsV128Tests : KGroupedFormatsConformance<TierV128>;

public sealed class KGroupedFormatsReferenceTests : KGroupedFormatsConformance<TierReference>;
