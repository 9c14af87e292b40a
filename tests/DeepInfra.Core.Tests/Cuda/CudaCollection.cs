// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Tests.Cuda;

/// <summary>Tests on devices run one after another: they look at the process-wide counters of device memory.</summary>
[CollectionDefinition(nameof(CudaCollection), DisableParallelization = true)]
public class CudaCollection;
