// SPDX-License-Identifier: MIT
namespace EndToEnd.Model;

/// <summary>
/// The weight half of a split backward: pieces that the pipeline runs when it would otherwise wait. They run in
/// the order in which they were added, so sums do not depend on when.
/// </summary>
internal sealed class DeferredWork
{
    private readonly List<Action> _pieces = [];

    public void Add(Action piece) => _pieces.Add(piece);

    public void Run()
    {
        foreach (var piece in _pieces)
            piece();
        _pieces.Clear();
    }
}
