// SPDX-License-Identifier: MIT
using Microsoft.Win32.SafeHandles;

namespace DeepInfra.Core.Cuda;

/// <summary>An executable driver graph, the memory of the graphs it was made from, and the streams it ran on.</summary>
internal sealed class SafeGraphExecHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly List<CaptureReferences> _references = [];
    private StreamUsers _users;

    public SafeGraphExecHandle(CudaContext context, nint exec)
        : base(ownsHandle: true)
    {
        Context = context;
        SetHandle(exec);
    }

    public CudaContext Context { get; }

    public nint Value => handle;

    /// <summary>
    /// Keeps memory. That of earlier versions is kept as well: a launch of them may still run.
    /// </summary>
    public void Keep(CaptureReferences references)
    {
        lock (_references)
            if (!_references.Contains(references))
                _references.Add(references.Share());
    }

    /// <summary>A launch on a stream uses the memory.</summary>
    public void Record(SafeStreamHandle stream)
    {
        lock (_references)
            _users.Add(stream);
    }

    protected override bool ReleaseHandle()
    {
        bool ok;
        using (Context.EnterForRelease())
            ok = Context.Api.GraphExecDestroy(handle) == CudaErrorCode.Success;
        foreach (var references in _references)
        {
            // Launches in flight must end before the memory goes.
            if (_users.Last is { } last)
                references.Record(last);
            foreach (var stream in _users.Others)
                references.Record(stream);
            references.Release();
        }
        _users.Release();
        return ok;
    }
}
