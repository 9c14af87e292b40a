// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Tests.Fixtures;

/// <summary>Tests that count live tensors of the process or allocations: nothing may run beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class SerialCollection
{
    public const string Name = "Serial";
}
