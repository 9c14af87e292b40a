// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Engine;

/// <summary>The output memory of one pooled dispatch result.</summary>
internal sealed class DispatchSlabs : IDisposable
{
    private int[] _tokensPerExpert = [];

    public TensorSlab X { get; } = new();

    public TensorSlab ScaleFactors { get; } = new();

    public TensorSlab TopkIdx { get; } = new();

    public TensorSlab TopkWeights { get; } = new();

    public TensorSlab SourceIndex { get; } = new();

    public TensorSlab SourceGlobalIndex { get; } = new();

    public IReadOnlyList<int> TokensPerExpert { get; private set; } = [];

    public Span<int> UseTokensPerExpert(int localExperts)
    {
        if (_tokensPerExpert.Length != localExperts)
            _tokensPerExpert = new int[localExperts];
        TokensPerExpert = _tokensPerExpert;
        return _tokensPerExpert;
    }

    public void UseNoTokensPerExpert() => TokensPerExpert = [];

    public void Dispose()
    {
        X.Dispose();
        ScaleFactors.Dispose();
        TopkIdx.Dispose();
        TopkWeights.Dispose();
        SourceIndex.Dispose();
        SourceGlobalIndex.Dispose();
    }
}
