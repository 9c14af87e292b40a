// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Tests;

/// <summary>Tests that look at the process-wide counters of tensor memory run while no others do.</summary>
[CollectionDefinition(nameof(TensorMemory), DisableParallelization = true)]
public class TensorMemoryCollection;
