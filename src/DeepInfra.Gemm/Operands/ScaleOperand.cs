// SPDX-License-Identifier: MIT
namespace DeepInfra.Gemm.Operands;

/// <summary>Validated scale factors with their address.</summary>
internal unsafe struct ScaleOperand
{
    public byte* Data;
    public ScaleSource Source;

    /// <summary>Elements from one group to the next.</summary>
    public long GroupStride;

    /// <summary>The scales of an operand that has none.</summary>
    public static ScaleOperand None =>
        new()
        {
            Source = new ScaleSource
            {
                Kind = ScaleKind.None,
                GranMn = 1,
                GranK = 128,
            },
        };

    /// <summary>The address at a group, scale row and scale column along K (packed: word column).</summary>
    public readonly byte* At(int group, long row, long column) =>
        Data is null
            ? null
            : Data
                + Source.ElementBytes
                    * (group * GroupStride + row * Source.StrideMn + column * Source.StrideK);
}
