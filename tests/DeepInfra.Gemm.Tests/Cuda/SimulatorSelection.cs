// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Testing;

namespace DeepInfra.Gemm.Tests.Cuda;

/// <summary>Devices are looked for when tests are discovered, so that no test can choose the simulator in time.</summary>
internal static class SimulatorSelection
{
    [ModuleInitializer]
    internal static void Select() => Simulator.SelectIfAskedFor(devices: 2);
}
