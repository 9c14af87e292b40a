// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>
/// The streams that used an allocation, the last one first in line to free it. Holds a reference on each, so that a stream
/// disposed meanwhile can still order the release. Not thread-safe: the owner locks.
/// </summary>
internal struct StreamUsers
{
    private SafeStreamHandle? _last;
    private List<SafeStreamHandle>? _others;

    /// <summary>The stream of last use; null if there was none.</summary>
    public readonly SafeStreamHandle? Last => _last;

    /// <summary>The streams before it.</summary>
    public readonly IReadOnlyList<SafeStreamHandle> Others => _others ?? [];

    /// <summary>Makes a stream the last user.</summary>
    public void Add(SafeStreamHandle stream)
    {
        if (ReferenceEquals(stream, _last))
            return;
        if (_others is null || !_others.Remove(stream))
        {
            var added = false;
            stream.DangerousAddRef(ref added);
        }
        if (_last is not null)
            (_others ??= []).Add(_last);
        _last = stream;
    }

    /// <summary>Lets go of all streams but <paramref name="kept"/>, whose reference passes to the caller.</summary>
    public void Release(SafeStreamHandle? kept = null)
    {
        if (_last is not null && !ReferenceEquals(_last, kept))
            _last.DangerousRelease();
        foreach (var stream in Others)
            if (!ReferenceEquals(stream, kept))
                stream.DangerousRelease();
        _last = null;
        _others = null;
    }
}
