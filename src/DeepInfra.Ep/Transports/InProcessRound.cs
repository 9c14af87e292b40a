// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Transports;

/// <summary>One all-gather among in-process ranks. Guarded by the hub's lock.</summary>
internal sealed class InProcessRound(int size)
{
    private readonly byte[]?[] _data = new byte[]?[size];
    private readonly TaskCompletionSource<byte[][]> _completion = new(
        TaskCreationOptions.RunContinuationsAsynchronously
    );
    private int _arrived;

    public Task<byte[][]> Completion => _completion.Task;

    public bool Has(int rank) => _data[rank] is not null;

    public int FirstMissing => Array.IndexOf(_data, null);

    public bool Contribute(int rank, byte[] data)
    {
        _data[rank] = data;
        if (++_arrived < size)
            return false;
        _completion.TrySetResult(_data!);
        return true;
    }

    public void Fail(Exception error) => _completion.TrySetException(error);
}
