// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Tensors;

/// <summary>Facts about <see cref="PipelineDataType"/>.</summary>
public static class PipelineDataTypeExtensions
{
    /// <summary>Bytes per element.</summary>
    /// <param name="dataType">The type.</param>
    /// <returns>1, 2, 4 or 8.</returns>
    public static int SizeInBytes(this PipelineDataType dataType) =>
        dataType switch
        {
            PipelineDataType.Float32 or PipelineDataType.Int32 => 4,
            PipelineDataType.Float64 or PipelineDataType.Int64 => 8,
            PipelineDataType.Float16 or PipelineDataType.BFloat16 or PipelineDataType.Int16 => 2,
            PipelineDataType.Float8E4M3
            or PipelineDataType.Float8E5M2
            or PipelineDataType.Int8
            or PipelineDataType.UInt8
            or PipelineDataType.Boolean => 1,
            _ => throw new ArgumentOutOfRangeException(
                nameof(dataType),
                dataType,
                "unknown element type"
            ),
        };

    /// <summary>Whether a tensor of this type can carry a gradient.</summary>
    /// <param name="dataType">The type.</param>
    /// <returns>True for the floating-point types.</returns>
    public static bool IsFloatingPoint(this PipelineDataType dataType) =>
        dataType <= PipelineDataType.Float8E5M2;
}
