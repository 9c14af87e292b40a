// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Cuda;

public unsafe class TensorMapRulesTests
{
    /// <summary>One change to a map that is right, and what the message must name.</summary>
    public sealed record Mistake(
        string Message,
        TensorMapElementType Type = TensorMapElementType.BFloat16,
        long[]? Extents = null,
        long[]? Strides = null,
        int[]? Box = null,
        int[]? Steps = null,
        TensorMapInterleave Interleave = TensorMapInterleave.None,
        TensorMapSwizzle Swizzle = TensorMapSwizzle.None,
        TensorMapFill Fill = TensorMapFill.Zero,
        ulong Address = 0x1000
    )
    {
        public override string ToString() => Message;
    }

    public static TheoryData<Mistake> Mistakes =>
        [
            new Mistake("address: expected a multiple of 16", Address: 0x1008),
            new Mistake("address: expected a multiple of 16", Address: 0),
            new Mistake(
                "address: expected a multiple of 32",
                Extents: [64, 8, 8],
                Strides: [128, 1024],
                Box: [16, 8, 1],
                Interleave: TensorMapInterleave.Bytes32,
                Swizzle: TensorMapSwizzle.Bytes32,
                Address: 0x1010
            ),
            new Mistake("ElementType: expected a defined", Type: (TensorMapElementType)99),
            new Mistake("Interleave: expected a defined", Interleave: (TensorMapInterleave)9),
            new Mistake("Swizzle: expected a defined", Swizzle: (TensorMapSwizzle)9),
            new Mistake("Fill: expected a defined", Fill: (TensorMapFill)9),
            new Mistake("Extents: expected 1 to 5 dimensions", Extents: [], Strides: [], Box: []),
            new Mistake(
                "Extents: expected 1 to 5 dimensions",
                Extents: [64, 2, 2, 2, 2, 2],
                Strides: [128, 256, 512, 1024, 2048],
                Box: [64, 1, 1, 1, 1, 1]
            ),
            new Mistake(
                "Extents: expected at least 3 dimensions",
                Interleave: TensorMapInterleave.Bytes16
            ),
            new Mistake("Extents[1]: expected a value in [1,2^32]", Extents: [64, 0]),
            new Mistake("Extents[0]: expected a value in [1,2^32]", Extents: [(1L << 32) + 1, 8]),
            new Mistake("StrideBytes: expected 1 values", Strides: []),
            new Mistake("StrideBytes[0]: expected a multiple of 16", Strides: [136]),
            new Mistake("StrideBytes[0]: expected a multiple of 16", Strides: [1L << 40]),
            new Mistake("StrideBytes[0]: expected a multiple of 16", Strides: [-128]),
            new Mistake("Box: expected 2 values", Box: [64]),
            new Mistake("Box[1]: expected a value in [1,256]", Box: [64, 257]),
            new Mistake("Box[1]: expected a value in [1,256]", Box: [64, 0]),
            new Mistake("Box[0]: expected rows of a multiple of 16 bytes", Box: [12, 8]),
            new Mistake(
                "Box[0]: expected rows of at most 64 bytes",
                Box: [64, 8],
                Swizzle: TensorMapSwizzle.Bytes64
            ),
            new Mistake(
                "Box[0]: expected rows of at most 128 bytes",
                Extents: [128, 8],
                Strides: [256],
                Box: [72, 8],
                Swizzle: TensorMapSwizzle.Bytes128
            ),
            new Mistake("ElementSteps: expected 2 values", Steps: [1]),
            new Mistake("ElementSteps[1]: expected a value in [1,8]", Steps: [1, 9]),
            new Mistake(
                "Swizzle: expected Bytes32",
                Extents: [64, 8, 8],
                Strides: [128, 1024],
                Box: [16, 8, 1],
                Interleave: TensorMapInterleave.Bytes32
            ),
            new Mistake(
                "Fill: expected Zero",
                Type: TensorMapElementType.UInt8,
                Fill: TensorMapFill.NanRequestZeroFma
            ),
            new Mistake(
                "Extents[0]: expected an even value",
                Type: TensorMapElementType.UInt4Packed,
                Extents: [65, 8]
            ),
            new Mistake(
                "Extents[0]: expected a multiple of 128",
                Type: TensorMapElementType.UInt4Padded,
                Box: [128, 8]
            ),
            new Mistake(
                "Box[0]: expected 128",
                Type: TensorMapElementType.UInt6Padded,
                Extents: [128, 8],
                Box: [64, 8]
            ),
        ];

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void EncodeTiled_RuleBroken_NamesItWithoutADriver(Mistake mistake) =>
        FluentActions
            .Invoking(() => Encode(mistake))
            .Should()
            .Throw<ArgumentException>()
            .Which.Message.Should()
            .StartWith(mistake.Message);

    [CudaFact]
    public void EncodeTiled_RightMap_DiffersByWhatItDescribes()
    {
        var map = Encode(new Mistake(""));
        var same = Encode(new Mistake(""));
        var other = Encode(new Mistake("", Swizzle: TensorMapSwizzle.Bytes128));

        Bytes(map).Should().Equal(Bytes(same)).And.NotEqual(Bytes(other));
        sizeof(TensorMap).Should().Be(128);

        static byte[] Bytes(TensorMap map) => new ReadOnlySpan<byte>(&map, 128).ToArray();
    }

    [CudaFact]
    public void EncodeTiled_PermutedStrides_AreAccepted() =>
        FluentActions
            .Invoking(() =>
                Encode(new Mistake("", Extents: [64, 8, 4], Strides: [512, 128], Box: [64, 8, 1]))
            )
            .Should()
            .NotThrow();

    [CudaFact]
    public void EncodeTensor_DeviceTensor_IsTheSameAsByHand()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        using var x = Tensor<BFloat16>.Create([8, 64], stream);

        var map = TensorMap.EncodeTensor(
            x,
            [8, 64],
            TensorMapSwizzle.Bytes128,
            TensorMapL2Promotion.None
        );

        var byHand = Encode(
            new Mistake("", Swizzle: TensorMapSwizzle.Bytes128, Address: (ulong)x.DataPointer)
        );
        new ReadOnlySpan<byte>(&map, 128)
            .SequenceEqual(new ReadOnlySpan<byte>(&byHand, 128))
            .Should()
            .BeTrue();
        using var transposed = x.AsTransposed();
        transposed
            .Invoking(t => TensorMap.EncodeTensor(t, [8, 8]))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("tensor: expected a dense last dimension*");
        x.Invoking(t => TensorMap.EncodeTensor(t, [8]))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("box: expected 2 values*");
    }

    private static TensorMap Encode(Mistake m) =>
        TensorMap.EncodeTiled(
            (void*)m.Address,
            new TensorMapLayout
            {
                ElementType = m.Type,
                Extents = m.Extents ?? [64, 8],
                StrideBytes = m.Strides ?? [128],
                Box = m.Box ?? [64, 8],
                ElementSteps = m.Steps ?? [],
                Interleave = m.Interleave,
                Swizzle = m.Swizzle,
                Fill = m.Fill,
            }
        );
}
