// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Tests.Tensors;

public class TensorScopeTests
{
    [Fact]
    public void Dispose_TensorsOfTheScope_AreDisposed()
    {
        Tensor<int> inside,
            before = Tensor<int>.Create([1]);
        using (var scope = new TensorScope())
        {
            inside = Tensor<int>.Create([2]);
            using var view = inside.AsSlice(0, 0, 1);
            scope.Count.Should().Be(1);
        }

        inside.IsDisposed.Should().BeTrue();
        before.IsDisposed.Should().BeFalse();
        before.Dispose();
    }

    [Fact]
    public void Detach_LivesOn()
    {
        Tensor<int> kept;
        using (var scope = new TensorScope())
            kept = scope.Detach(Tensor<int>.Create([2]));

        kept.IsDisposed.Should().BeFalse();
        kept.Dispose();
    }

    [Fact]
    public void Nested_InnerEndsFirst_AndMovesOutwards()
    {
        using var outer = new TensorScope();
        Tensor<int> moved,
            dropped;
        using (var inner = new TensorScope())
        {
            dropped = Tensor<int>.Create([1]);
            moved = inner.MoveToOuter(Tensor<int>.Create([1]));
        }

        dropped.IsDisposed.Should().BeTrue();
        moved.IsDisposed.Should().BeFalse();
        outer.Count.Should().Be(1);
        var later = Tensor<int>.Create([1]);
        outer.Dispose();
        moved.IsDisposed.Should().BeTrue();
        later.IsDisposed.Should().BeTrue();
        using var after = Tensor<int>.Create([1]);
        outer.Count.Should().Be(0);
    }

    [Fact]
    public void Suspend_TensorsBelongToTheirCreators()
    {
        Tensor<int> cached;
        using (new TensorScope())
        using (TensorScope.Suspend())
            cached = Tensor<int>.Create([1]);

        cached.IsDisposed.Should().BeFalse();
        cached.Dispose();
    }

    [Fact]
    public async Task AcrossAwaits_StillCollects()
    {
        Tensor<int> tensor;
        using (new TensorScope())
        {
            await Task.Yield();
            tensor = Tensor<int>.Create([1]);
        }

        tensor.IsDisposed.Should().BeTrue();
    }

    [Fact]
    public async Task OtherFlows_AreNotTouched()
    {
        using var begun = new SemaphoreSlim(0);
        using var done = new SemaphoreSlim(0);
        Tensor<int>? other = null;
        var task = Task.Run(
            async () =>
            {
                await begun.WaitAsync();
                other = Tensor<int>.Create([1]);
                done.Release();
            },
            TestContext.Current.CancellationToken
        );
        using (new TensorScope())
        {
            begun.Release();
            await done.WaitAsync(TestContext.Current.CancellationToken);
        }

        other!.IsDisposed.Should().BeFalse();
        other.Dispose();
        await task;
    }

    [Fact]
    public void EightThreadsOfOneScope_AreAllDisposed()
    {
        var tensors = new Tensor<int>[800];
        using (var scope = new TensorScope())
        {
            Parallel.For(0, tensors.Length, i => tensors[i] = Tensor<int>.Create([1]));
            scope.Count.Should().Be(tensors.Length);
        }

        tensors.Should().OnlyContain(t => t.IsDisposed);
    }
}
