// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Core.Cuda;

/// <summary>The memory that captured work uses: it lives as long as the graph, whoever disposes its tensors. Thread-safe.</summary>
internal sealed class CaptureReferences
{
    private readonly HashSet<SafeHandle> _handles = [];
    private readonly List<SafeStreamHandle> _streams = [];
    private bool _isOver;
    private int _owners = 1;

    public CaptureReferences(SafeStreamHandle origin)
    {
        Origin = origin;
        Join(origin);
    }

    /// <summary>The stream on which the capture was begun and must end.</summary>
    public SafeStreamHandle Origin { get; }

    /// <summary>A stream takes part in the capture from now on.</summary>
    public void Join(SafeStreamHandle stream)
    {
        lock (_streams)
        {
            if (_isOver || stream.Capture is not null)
                return;
            stream.Capture = this;
            _streams.Add(stream);
        }
    }

    /// <summary>The capture is over for all streams of it.</summary>
    public void End()
    {
        lock (_streams)
        {
            _isOver = true;
            foreach (var stream in _streams)
                stream.Capture = null;
            _streams.Clear();
        }
    }

    /// <summary>Keeps a handle alive.</summary>
    public void Add(SafeHandle handle)
    {
        lock (_handles)
        {
            if (!_handles.Add(handle))
                return;
            var added = false;
            handle.DangerousAddRef(ref added);
        }
    }

    /// <summary>Work on a stream, a launch of the graph, uses the memory.</summary>
    public void Record(SafeStreamHandle stream)
    {
        lock (_handles)
            foreach (var handle in _handles)
                switch (handle)
                {
                    case SafeDeviceMemoryHandle memory:
                        memory.Record(stream);
                        break;
                    case PinnedBlock block:
                        block.Record(stream);
                        break;
                }
    }

    /// <summary>One more graph that shares these.</summary>
    public CaptureReferences Share()
    {
        Interlocked.Increment(ref _owners);
        return this;
    }

    /// <summary>The last owner lets go of the handles.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _owners) != 0)
            return;
        lock (_handles)
        {
            foreach (var handle in _handles)
                handle.DangerousRelease();
            _handles.Clear();
        }
    }
}
