// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Tensors;

/// <summary>Rows of another tensor, without a copy. The other tensor must outlive it.</summary>
internal sealed class SlicedTensor(
    PipelineTensor parent,
    ReadOnlySpan<long> shape,
    int offset,
    int length
) : PipelineTensor(parent.DataType, shape, parent.RequiresGradient)
{
    private bool _released;

    public override bool IsReleased => _released || parent.IsReleased;

    public override Span<byte> Bytes
    {
        get
        {
            ObjectDisposedException.ThrowIf(_released, this);
            return parent.Bytes.Slice(offset, length);
        }
    }

    public override void ReleaseStorage() => _released = true;
}
