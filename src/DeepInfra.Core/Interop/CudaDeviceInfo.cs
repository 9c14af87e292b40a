// SPDX-License-Identifier: MIT
using System.Globalization;

namespace DeepInfra.Core.Interop;

/// <summary>A CUDA device as the driver describes it.</summary>
/// <param name="Index">The ordinal.</param>
/// <param name="Name">The product name.</param>
/// <param name="ComputeCapability">Ten times the major plus the minor version: 90 for 9.0.</param>
internal sealed record CudaDeviceInfo(int Index, string Name, int ComputeCapability)
{
    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{Name}, compute capability {ComputeCapability / 10}.{ComputeCapability % 10}"
        );
}
