// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep.LowLatency;

/// <summary>Tensors over the two send areas of a buffer, made once: FP8 codes and scales inside dispatch messages, and rows of a combine.</summary>
internal sealed unsafe class SendViews(LowLatencyBuffer buffer) : IDisposable
{
    private readonly Set[] _sets = [new(), new()];

    /// <summary>Codes [T,H] and scales [T,H/128] inside the FP8 messages of a set.</summary>
    public (Tensor Codes, Tensor Scales) Fp8(int set, int tokens)
    {
        var views = _sets[set];
        if (views.Codes is null)
        {
            var (hidden, maxTokens) = (buffer.Options.Hidden, buffer.Options.MaxTokensPerRank);
            var stride = LowLatencyLayout.MessageStride(hidden, LowLatencyFormat.Fp8);
            // The views outlive the scope of the call that needed them first.
            using var suspended = TensorScope.Suspend();
            var payload = buffer.SendArea(set) + LowLatencyLayout.HeaderBytes;
            views.Codes = Tensor<Float8E4M3>.Wrap(
                (Float8E4M3*)payload,
                [maxTokens, hidden],
                new Strides(stride, 1)
            );
            views.Scales = Tensor<float>.Wrap(
                (float*)(payload + hidden),
                [maxTokens, hidden / 128],
                new Strides(stride / sizeof(float), 1)
            );
        }
        if (views.CodesOfTokens is null || views.CodesOfTokens.Shape[0] != tokens)
        {
            views.CodesOfTokens = views.Codes.AsSlice(0, 0, tokens);
            views.ScalesOfTokens = views.Scales!.AsSlice(0, 0, tokens);
        }
        return (views.CodesOfTokens, views.ScalesOfTokens!);
    }

    /// <summary>Rows [L, R·M, H] of a combine, at the distance at which they are sent.</summary>
    public Tensor<BFloat16> CombineRows(int set)
    {
        var rows = (long)buffer.Group.Size * buffer.Options.MaxTokensPerRank;
        var stride = buffer.Layout.CombineBytes / sizeof(ushort);
        if (_sets[set].Rows is { } existing)
            return existing;
        using var suspended = TensorScope.Suspend();
        return _sets[set].Rows = Tensor<BFloat16>.Wrap(
            (BFloat16*)buffer.SendArea(set),
            [buffer.LocalExperts, rows, buffer.Options.Hidden],
            new Strides(rows * stride, stride, 1)
        );
    }

    public void Dispose()
    {
        foreach (var set in _sets)
        {
            set.Codes?.Dispose();
            set.Scales?.Dispose();
            set.Rows?.Dispose();
        }
    }

    private sealed class Set
    {
        public Tensor<Float8E4M3>? Codes;
        public Tensor<float>? Scales;
        public Tensor<Float8E4M3>? CodesOfTokens;
        public Tensor<float>? ScalesOfTokens;
        public Tensor<BFloat16>? Rows;
    }
}
