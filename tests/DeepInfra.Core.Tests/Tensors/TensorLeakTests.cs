// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Core.Tests.Tensors;

[Collection(nameof(TensorMemory))]
public class TensorLeakTests
{
    [Fact]
    public void CreateUseDispose_ThousandTimes_LeavesCountersAsTheyWere()
    {
        var before = (TensorMemory.LiveBytes, TensorMemory.LiveCount);
        for (var i = 0; i < 1000; i++)
        {
            using var x = Tensor<float>.Create([i % 10, 3]);
            using var view = x.AsTransposed();
            using var copy = view.ToContiguous();
            using var wrapped = Tensor<int>.Wrap(new int[4], [4]);
            TensorMemory.LiveCount.Should().Be(before.LiveCount + 3);
        }

        (TensorMemory.LiveBytes, TensorMemory.LiveCount).Should().Be(before);
    }

    [Fact]
    public void Abandoned_Tensors_AreFreedByTheCollector()
    {
        var before = TensorMemory.LiveCount;
        Abandon();

        for (var i = 0; i < 50 && TensorMemory.LiveCount > before; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        TensorMemory.LiveCount.Should().BeLessThanOrEqualTo(before);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void Abandon()
        {
            for (var i = 0; i < 20; i++)
                Tensor<double>.Create([100]).AsSlice(0, 1, 2).Fill(3);
        }
    }

    [Fact]
    public void CreateAndDispose_EightThreads_LeavesCountersAsTheyWere()
    {
        var before = (TensorMemory.LiveBytes, TensorMemory.LiveCount);
        var threads = Enumerable
            .Range(0, 8)
            .Select(_ => new Thread(() =>
            {
                for (var i = 0; i < 500; i++)
                    Tensor<short>.Create([i]).Dispose();
            }))
            .ToArray();
        foreach (var thread in threads)
            thread.Start();
        foreach (var thread in threads)
            thread.Join();

        (TensorMemory.LiveBytes, TensorMemory.LiveCount).Should().Be(before);
    }
}
