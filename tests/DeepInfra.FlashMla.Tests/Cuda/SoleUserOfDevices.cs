// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla.Tests.Cuda;

/// <summary>Tests that look at counters of the whole process: nothing else runs meanwhile.</summary>
[CollectionDefinition(nameof(SoleUserOfDevices), DisableParallelization = true)]
public sealed class SoleUserOfDevices;
