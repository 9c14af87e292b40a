// SPDX-License-Identifier: MIT
using FsCheck.Xunit;

namespace DeepInfra.Core.Tests.Tensors;

public unsafe class MemoryOverlapTests
{
    [Fact]
    public void Possible_ViewsOfOneTensor_AreToldApart()
    {
        using var whole = Tensor<float>.Create([6, 8]);

        Overlap(whole, whole).Should().BeTrue();
        Overlap(whole.AsSlice(0, 0, 3), whole.AsSlice(0, 3, 3)).Should().BeFalse();
        Overlap(whole.AsSlice(0, 0, 4), whole.AsSlice(0, 3, 3)).Should().BeTrue();
        Overlap(whole.AsSlice(1, 0, 4), whole.AsSlice(1, 4, 4)).Should().BeFalse();
        Overlap(whole.AsSlice(1, 0, 5), whole.AsSlice(1, 4, 4)).Should().BeTrue();
        Overlap(whole.AsSlice(1, 4, 4), whole.AsSlice(1, 0, 5)).Should().BeTrue();
        Overlap(whole.AsSlice(1, 0, 2), whole.AsTransposed().AsSlice(0, 2, 6)).Should().BeFalse();
        Overlap(whole, whole.AsTransposed()).Should().BeTrue();
        Overlap(whole.AsSlice(0, 0, 0), whole).Should().BeFalse();
        Overlap(whole.AsSelected(0, 1), whole.AsSelected(0, 2)).Should().BeFalse();
        Overlap(whole.AsSelected(1, 1), whole.AsSelected(1, 2)).Should().BeFalse();
        Overlap(whole.AsSelected(0, 1), whole.AsSelected(1, 2)).Should().BeTrue();
    }

    [Fact]
    public void Possible_OtherTensorsAndDevices_AreApart()
    {
        using var first = Tensor<float>.Create([4]);
        using var second = Tensor<float>.Create([4]);
        using var onDevice = Tensor<float>.Wrap(first.DataPointer, [4], device: Device.Cuda(0));

        Overlap(first, second).Should().BeFalse();
        Overlap(first, onDevice).Should().BeFalse();
    }

    [Fact]
    public void Possible_PackedHeads_AreApart()
    {
        using var packed = Tensor<BFloat16>.Create([5, 3, 40]);

        var query = packed.AsSlice(2, 0, 16);
        var key = packed.AsSlice(2, 16, 16);
        var value = packed.AsSlice(2, 32, 8);

        Overlap(query, key).Should().BeFalse();
        Overlap(key, value).Should().BeFalse();
        Overlap(query, packed.AsSlice(2, 15, 4)).Should().BeTrue();
    }

    [Property(MaxTest = 200)]
    public void Possible_RandomViews_NeverMissesAnOverlap(int seed)
    {
        var random = new Random(seed);
        using var whole = Tensor<short>.Create([5, 6, 7]);
        var first = RandomView(whole, random);
        var second = RandomView(whole, random);

        var shared = Addresses(first).Intersect(Addresses(second)).Any();

        if (shared)
            Overlap(first, second).Should().BeTrue();
        Overlap(first, second).Should().Be(Overlap(second, first));
    }

    [Fact]
    public void WithinItself_RepeatedAddresses_AreFound()
    {
        using var memory = Tensor<float>.Create([64]);
        Tensor<float> View(Shape shape, params long[] steps) =>
            Tensor<float>.Wrap(memory.DataPointer, shape, new Strides(steps));

        MemoryOverlap.WithinItself(memory).Should().BeFalse();
        MemoryOverlap.WithinItself(View([4, 8], 8, 1)).Should().BeFalse();
        MemoryOverlap.WithinItself(View([4, 8], 1, 4)).Should().BeFalse();
        MemoryOverlap.WithinItself(View([4, 8], 0, 1)).Should().BeTrue();
        MemoryOverlap.WithinItself(View([4, 8], 7, 1)).Should().BeTrue();
        MemoryOverlap.WithinItself(View([1, 8], 0, 1)).Should().BeFalse();
        MemoryOverlap.WithinItself(View([4, 0], 0, 1)).Should().BeFalse();
    }

    private static bool Overlap(Tensor first, Tensor second) =>
        MemoryOverlap.Possible(first, second);

    private static Tensor<short> RandomView(Tensor<short> whole, Random random)
    {
        var view = whole;
        for (var i = 0; i < 3; i++)
        {
            var length = random.Next(1, (int)view.Shape[i] + 1);
            view = view.AsSlice(i, random.Next(0, (int)view.Shape[i] - length + 1), length);
        }
        if (random.Next(2) == 0)
            view = view.AsTransposed(random.Next(3), random.Next(3));
        if (random.Next(3) == 0)
            view = view.AsSelected(random.Next(3), 0);
        return view;
    }

    private static List<nuint> Addresses(Tensor<short> tensor)
    {
        var addresses = new List<nuint>();
        Walk((nuint)tensor.DataPointer, 0);
        return addresses;

        void Walk(nuint address, int dimension)
        {
            if (dimension == tensor.Rank)
            {
                addresses.Add(address);
                return;
            }
            for (long i = 0; i < tensor.Shape[dimension]; i++)
                Walk(
                    address + (nuint)(i * tensor.Strides[dimension] * sizeof(short)),
                    dimension + 1
                );
        }
    }
}
