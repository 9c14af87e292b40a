// SPDX-License-Identifier: MIT
using DeepInfra.Core.Numerics;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Numerics;

public unsafe class ByteTransposeTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(16, 16)]
    [InlineData(17, 33)]
    [InlineData(128, 64)]
    [InlineData(5, 200)]
    public void Run_AnyExtents_Transposes(int rows, int columns)
    {
        var source = new byte[rows * (columns + 3)];
        var result = new byte[columns * (rows + 5)];
        new DeterministicRandom(1).FillBytes(source);

        fixed (byte* from = source)
        fixed (byte* to = result)
            ByteTranspose.Run(from, columns + 3, to, rows + 5, rows, columns);

        for (var r = 0; r < rows + 5; r++)
        for (var c = 0; c < columns; c++)
            result[c * (rows + 5) + r]
                .Should()
                .Be(r < rows ? source[r * (columns + 3) + c] : (byte)0);
    }
}
