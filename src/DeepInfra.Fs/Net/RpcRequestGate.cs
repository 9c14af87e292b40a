// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Net;

/// <summary>Admits requests to a server up to a limit, and none once it stops.</summary>
internal sealed class RpcRequestGate(int maximum)
{
    private readonly TaskCompletionSource _drained = new(
        TaskCreationOptions.RunContinuationsAsynchronously
    );
    private int _inProcess;
    private int _stopping;

    public int InProcess => Volatile.Read(ref _inProcess);

    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _inProcess) <= maximum && Volatile.Read(ref _stopping) == 0)
        {
            return true;
        }

        Exit();
        return false;
    }

    public void Exit()
    {
        if (Interlocked.Decrement(ref _inProcess) == 0 && Volatile.Read(ref _stopping) != 0)
        {
            _drained.TrySetResult();
        }
    }

    /// <summary>Refuses further requests; completes when those in processing are done.</summary>
    public Task StopAsync()
    {
        Volatile.Write(ref _stopping, 1);
        if (InProcess == 0)
        {
            _drained.TrySetResult();
        }

        return _drained.Task;
    }
}
