// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Engine;

/// <summary>
/// Lets other ranks read one rank's memory until that rank withdraws it. A rank that gives up an operation half-way hands its
/// tensors back to its caller at once, while peers that saw its arrival may be about to read them or be reading them.
/// </summary>
internal sealed class ReaderGate
{
    private const int Withdrawn = int.MinValue;

    // Readers inside, and the sign once the memory is withdrawn.
    private int _state;

    /// <summary>Begins to read; false if the memory was withdrawn. A true answer must be followed by <see cref="Exit"/>.</summary>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _state) > 0)
            return true;
        Interlocked.Decrement(ref _state);
        return false;
    }

    /// <summary>Ends reading.</summary>
    public void Exit() => Interlocked.Decrement(ref _state);

    /// <summary>Lets no further reader in, for good, and waits for those inside. They copy rows and wait for nobody.</summary>
    public void Withdraw()
    {
        Interlocked.Or(ref _state, Withdrawn);
        var spin = new SpinWait();
        while (Volatile.Read(ref _state) != Withdrawn)
            spin.SpinOnce();
    }
}
