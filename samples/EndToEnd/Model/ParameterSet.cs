// SPDX-License-Identifier: MIT
using System.Numerics;
using System.Runtime.InteropServices;
using DeepInfra.Core;

namespace EndToEnd.Model;

/// <summary>
/// All weights of one stage in one flat array, with their gradients and the two moments of AdamW beside it in
/// arrays of the same layout. A checkpoint, a replica sum and an optimizer step are loops over flat arrays.
/// </summary>
internal sealed class ParameterSet : IDisposable
{
    private readonly List<Parameter> _parameters = [];

    public IReadOnlyList<Parameter> Parameters => _parameters;

    public Tensor<float> Values { get; private set; } = null!;

    /// <summary>Gradients by expert rank.</summary>
    public Tensor<float>[] Gradients { get; private set; } = [];

    public Tensor<float> FirstMoment { get; private set; } = null!;

    public Tensor<float> SecondMoment { get; private set; } = null!;

    public long Count => _parameters.Sum(p => p.Shape.ElementCount);

    public Parameter Add(string name, Shape shape, float initialDeviation)
    {
        var parameter = new Parameter(name, shape, initialDeviation);
        _parameters.Add(parameter);
        return parameter;
    }

    /// <summary>Allocates the storage; the same seed gives the same values on every copy of the stage.</summary>
    public void Allocate(int seed)
    {
        var count = Count;
        Values = Tensor<float>.Create([count]);
        Gradients = [Tensor<float>.Create([count]), Tensor<float>.Create([count])];
        FirstMoment = Tensor<float>.Create([count]);
        SecondMoment = Tensor<float>.Create([count]);
        var random = new Random(seed);
        long offset = 0;
        foreach (var parameter in _parameters)
        {
            var size = parameter.Shape.ElementCount;
            Tensor<float> Slice(Tensor<float> flat) =>
                flat.AsSlice(0, offset, size).AsReshaped(parameter.Shape);
            parameter.Bind(Slice(Values), Slice(Gradients[0]), Slice(Gradients[1]));
            Initialise(parameter, random);
            offset += size;
        }
    }

    /// <summary>Sums the expert ranks' gradients into the first array, in rank order.</summary>
    public void ReduceGradients() => VectorMath.Add(Gradients[0].AsSpan(), Gradients[1].AsSpan());

    public void ZeroGradients()
    {
        foreach (var gradient in Gradients)
            gradient.AsSpan().Clear();
    }

    /// <summary>A 64-bit hash of all values, to compare copies bit for bit.</summary>
    public ulong Hash()
    {
        var hash = 14695981039346656037UL;
        foreach (var word in MemoryMarshal.Cast<float, uint>(Values.AsSpan()))
            hash = BitOperations.RotateLeft((hash ^ word) * 1099511628211UL, 23);
        return hash;
    }

    public void Dispose()
    {
        foreach (var tensor in Gradients.Append(Values).Append(FirstMoment).Append(SecondMoment))
            tensor.Dispose();
    }

    private static void Initialise(Parameter parameter, Random random)
    {
        var values = parameter.Value.AsSpan();
        if (parameter.InitialDeviation == 0)
        {
            values.Fill(1);
            return;
        }
        for (var i = 0; i < values.Length; i++)
            values[i] = parameter.InitialDeviation * Normal(random);
    }

    private static float Normal(Random random)
    {
        var radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
        return (float)(radius * Math.Cos(2 * Math.PI * random.NextDouble()));
    }
}
