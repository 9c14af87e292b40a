// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Tensors;

/// <summary>A tensor over memory that somebody else owns.</summary>
internal sealed class BorrowedTensor : PipelineTensor
{
    private Memory<byte> _memory;
    private bool _released;

    public BorrowedTensor(
        PipelineDataType dataType,
        Memory<byte> memory,
        ReadOnlySpan<long> shape,
        bool? requiresGradient
    )
        : base(dataType, shape, requiresGradient)
    {
        if (memory.Length != ByteCount)
        {
            throw new ArgumentException(
                $"memory: expected {ByteCount} bytes for {this}, got {memory.Length}",
                nameof(memory)
            );
        }

        _memory = memory;
    }

    public override bool IsReleased => _released;

    public override Span<byte> Bytes
    {
        get
        {
            ObjectDisposedException.ThrowIf(_released, this);
            return _memory.Span;
        }
    }

    public override void ReleaseStorage()
    {
        _released = true;
        _memory = default;
    }
}
