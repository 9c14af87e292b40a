// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep;

/// <summary>
/// Expert parallelism in one thread, slow and obvious: the definition that the buffers are tested against. It sees
/// the inputs of all ranks at once.
/// </summary>
public static partial class ReferenceExpertParallel
{
    /// <summary>Throughput dispatch: what each rank receives.</summary>
    /// <param name="inputs">The inputs of all ranks, index = rank.</param>
    /// <param name="expertAlignment">Counts per expert are rounded up to a multiple of this.</param>
    public static IReadOnlyList<ReferenceDispatch> Dispatch(
        IReadOnlyList<DispatchInput> inputs,
        int expertAlignment = 1
    )
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentOutOfRangeException.ThrowIfLessThan(expertAlignment, 1);
        var results = new ReferenceDispatch[inputs.Count];
        for (var rank = 0; rank < inputs.Count; rank++)
            results[rank] = Receive(inputs, rank, expertAlignment);
        return results;
    }

    /// <summary>Throughput combine: the sums that each rank gets back.</summary>
    /// <param name="dispatches">The result of <see cref="Dispatch"/>.</param>
    /// <param name="rows">[N,H] per rank, in received order; BFloat16, Float16 or Float32.</param>
    /// <param name="bias0">[T,H] per rank, or null.</param>
    /// <param name="bias1">[T,H] per rank, or null.</param>
    public static IReadOnlyList<Tensor> Combine(
        IReadOnlyList<ReferenceDispatch> dispatches,
        IReadOnlyList<Tensor> rows,
        IReadOnlyList<Tensor>? bias0 = null,
        IReadOnlyList<Tensor>? bias1 = null
    )
    {
        ArgumentNullException.ThrowIfNull(dispatches);
        ArgumentNullException.ThrowIfNull(rows);
        var results = new Tensor[dispatches.Count];
        for (var home = 0; home < results.Length; home++)
        {
            var hidden = rows[home].Shape[1];
            var output = Tensor.Create(rows[home].DType, [dispatches[home].TokenCount, hidden]);
            for (var token = 0; token < dispatches[home].TokenCount; token++)
            {
                var returned = ReturnedRows(dispatches, home, token);
                for (var channel = 0; channel < hidden; channel++)
                {
                    float sum = 0;
                    if (bias0 is not null)
                        sum += Read(bias0[home], token, channel);
                    if (bias1 is not null)
                        sum += Read(bias1[home], token, channel);
                    foreach (var (rank, row) in returned)
                        sum += Read(rows[rank], row, channel);
                    Write(output, token, channel, sum);
                }
            }
            results[home] = output;
        }
        return results;
    }

    /// <summary>The sums of weights that a throughput combine returns: [T,K] per rank.</summary>
    /// <param name="dispatches">The result of <see cref="Dispatch"/>.</param>
    /// <param name="weights">[N,K] per rank, in received order.</param>
    public static IReadOnlyList<Tensor<float>> CombineWeights(
        IReadOnlyList<ReferenceDispatch> dispatches,
        IReadOnlyList<Tensor<float>> weights
    )
    {
        ArgumentNullException.ThrowIfNull(dispatches);
        ArgumentNullException.ThrowIfNull(weights);
        var results = new Tensor<float>[dispatches.Count];
        for (var home = 0; home < results.Length; home++)
        {
            var topK = weights[home].Shape[1];
            var output = Tensor<float>.Create([dispatches[home].TokenCount, topK]);
            for (var token = 0; token < dispatches[home].TokenCount; token++)
                foreach (var (rank, row) in ReturnedRows(dispatches, home, token))
                    for (var k = 0; k < topK; k++)
                        output[token, k] += weights[rank][row, k];
            results[home] = output;
        }
        return results;
    }

    /// <summary>Where a token's rows are: by ascending rank, the received row there.</summary>
    private static List<(int Rank, int Row)> ReturnedRows(
        IReadOnlyList<ReferenceDispatch> dispatches,
        int home,
        int token
    )
    {
        var result = new List<(int, int)>();
        for (var rank = 0; rank < dispatches.Count; rank++)
        for (var row = 0; row < dispatches[rank].Sources.Count; row++)
            if (dispatches[rank].Sources[row] == (home, token))
                result.Add((rank, row));
        return result;
    }

    private static ReferenceDispatch Receive(
        IReadOnlyList<DispatchInput> inputs,
        int rank,
        int expertAlignment
    )
    {
        var experts = inputs[rank].Experts;
        var localExperts = experts / inputs.Count;
        var sources = new List<(int Rank, int Token)>();
        var counts = new int[localExperts];
        for (var source = 0; source < inputs.Count; source++)
        for (var token = 0; token < inputs[source].X.Shape[0]; token++)
            if (Count(inputs, source, token, rank, counts))
                sources.Add((source, token));

        for (var local = 0; local < localExperts; local++)
            counts[local] =
                (counts[local] + expertAlignment - 1) / expertAlignment * expertAlignment;
        var x = Gather(sources, [.. inputs.Select(input => input.X)]);
        var scales = inputs[rank].ScaleFactors is null
            ? null
            : Gather(sources, [.. inputs.Select(input => input.ScaleFactors!)]);
        var tokens = (int)inputs[rank].X.Shape[0];
        if (inputs[rank].TopkIdx is null)
            return new ReferenceDispatch(x, scales, null, null, sources, counts, tokens);

        var topK = inputs[rank].TopkIdx!.Shape[1];
        var topkIdx = Tensor<long>.Create([sources.Count, topK]);
        var topkWeights = Tensor<float>.Create([sources.Count, topK]);
        for (var row = 0; row < sources.Count; row++)
        for (var k = 0; k < topK; k++)
        {
            var (source, token) = sources[row];
            var expert = ReadIndex(inputs[source].TopkIdx!, token, k);
            var isHere = expert >= 0 && expert / localExperts == rank;
            topkIdx[row, k] = isHere ? expert % localExperts : -1;
            if (isHere)
                topkWeights[row, k] = inputs[source].TopkWeights!.As<float>()[token, k];
        }
        return new ReferenceDispatch(x, scales, topkIdx, topkWeights, sources, counts, tokens);
    }

    /// <summary>Counts a token's selections on a rank; true if there are any.</summary>
    private static bool Count(
        IReadOnlyList<DispatchInput> inputs,
        int source,
        int token,
        int rank,
        int[] counts
    )
    {
        if (inputs[source].TopkIdx is not { } topkIdx)
            return inputs[source].Layout!.IsTokenInRank[token, rank];
        var any = false;
        for (var k = 0; k < topkIdx.Shape[1]; k++)
        {
            var expert = ReadIndex(topkIdx, token, k);
            if (expert < 0 || expert / counts.Length != rank)
                continue;
            counts[expert % counts.Length]++;
            any = true;
        }
        return any;
    }

    /// <summary>Copies rows bit by bit, whatever their type and strides.</summary>
    private static unsafe Tensor Gather(List<(int Rank, int Token)> sources, Tensor[] inputs)
    {
        var columns = inputs[0].Shape[1];
        var bytes = DTypes.SizeInBytes(inputs[0].DType);
        var output = Tensor.Create(inputs[0].DType, [sources.Count, columns]);
        for (var row = 0; row < sources.Count; row++)
        for (long column = 0; column < columns; column++)
        {
            var input = inputs[sources[row].Rank];
            var offset = sources[row].Token * input.Strides[0] + column * input.Strides[1];
            Buffer.MemoryCopy(
                (byte*)input.DataPointer + offset * bytes,
                (byte*)output.DataPointer + (row * columns + column) * bytes,
                bytes,
                bytes
            );
        }
        return output;
    }

    private static long ReadIndex(Tensor topkIdx, long token, long k) =>
        topkIdx is Tensor<int> narrow ? narrow[token, k] : topkIdx.As<long>()[token, k];

    private static float Read(Tensor tensor, long row, long column) =>
        tensor switch
        {
            Tensor<float> single => single[row, column],
            Tensor<BFloat16> brain => (float)brain[row, column],
            Tensor<Half> half => (float)half[row, column],
            _ => throw new ArgumentException(
                $"rows: expected BFloat16, Float16 or Float32, got {tensor.DType}",
                nameof(tensor)
            ),
        };

    private static void Write(Tensor tensor, long row, long column, float value)
    {
        switch (tensor)
        {
            case Tensor<float> single:
                single[row, column] = value;
                break;
            case Tensor<BFloat16> brain:
                brain[row, column] = (BFloat16)value;
                break;
            case Tensor<Half> half:
                half[row, column] = (Half)value;
                break;
        }
    }
}
