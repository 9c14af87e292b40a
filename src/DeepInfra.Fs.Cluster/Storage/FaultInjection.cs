// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Storage;

/// <summary>
/// Failures that a request asks for in its debug flags, to test retries: at the numbered point on its way
/// (0 on arrival, 1 before the commit, 2 after it, before the answer), or at each point with a chance of
/// one in two when no number is given.
/// </summary>
internal sealed class FaultInjection
{
    private readonly ushort _failAt;
    private int _point;

    private FaultInjection(ushort failAt)
    {
        _failAt = failAt;
    }

    /// <summary>The failures that the flags ask for, or null.</summary>
    public static FaultInjection? From(DebugFlags flags) =>
        flags.InjectRandomServerError ? new FaultInjection(flags.NumOfInjectPtsBeforeFail) : null;

    /// <summary>Passes a point.</summary>
    /// <exception cref="ServiceException">The request fails here (70).</exception>
    public void Point()
    {
        var point = _point++;
        if (_failAt == 0 ? Random.Shared.Next(2) == 0 : point == _failAt)
        {
            throw new ServiceException(StatusCode.FaultInjection, $"injected at point {point}");
        }
    }
}
