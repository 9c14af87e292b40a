// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;

namespace DeepInfra.Fs.Net;

/// <summary>Sends lists of buffers with as few system calls as possible, one send at a time, without allocation.</summary>
internal sealed class GatherSender : SocketAsyncEventArgs, IValueTaskSource
{
    // Well below the kernel's limit of 1024 entries per call.
    private const int MaximumEntries = 256;

    private readonly List<ArraySegment<byte>> _entries = [];
    private ManualResetValueTaskSourceCore<bool> _completion = new()
    {
        RunContinuationsAsynchronously = false,
    };

    public GatherSender()
        : base(true) { }

    /// <summary>Sends all segments.</summary>
    /// <exception cref="SocketException">The connection is lost.</exception>
    public async ValueTask SendAsync(Socket socket, List<ReadOnlyMemory<byte>> segments)
    {
        _entries.Clear();
        foreach (var segment in segments)
        {
            if (segment.IsEmpty)
            {
                continue;
            }

            if (!MemoryMarshal.TryGetArray(segment, out var array))
            {
                // Native memory cannot join a gather list; it keeps its place in the order.
                await FlushAsync(socket).ConfigureAwait(false);
                await SendOneAsync(socket, segment).ConfigureAwait(false);
                continue;
            }

            _entries.Add(array);
            if (_entries.Count == MaximumEntries)
            {
                await FlushAsync(socket).ConfigureAwait(false);
            }
        }

        await FlushAsync(socket).ConfigureAwait(false);
    }

    void IValueTaskSource.GetResult(short token) => _completion.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _completion.GetStatus(token);

    void IValueTaskSource.OnCompleted(
        Action<object?> continuation,
        object? state,
        short token,
        ValueTaskSourceOnCompletedFlags flags
    ) => _completion.OnCompleted(continuation, state, token, flags);

    protected override void OnCompleted(SocketAsyncEventArgs e)
    {
        if (SocketError == SocketError.Success)
        {
            _completion.SetResult(true);
        }
        else
        {
            _completion.SetException(new SocketException((int)SocketError));
        }
    }

    private static async ValueTask SendOneAsync(Socket socket, ReadOnlyMemory<byte> segment)
    {
        while (!segment.IsEmpty)
        {
            var sent = await socket.SendAsync(segment, SocketFlags.None).ConfigureAwait(false);
            segment = segment[sent..];
        }
    }

    private async ValueTask FlushAsync(Socket socket)
    {
        if (_entries.Count == 0)
        {
            return;
        }

        if (_entries.Count == 1)
        {
            var single = _entries[0];
            _entries.Clear();
            await SendOneAsync(socket, single).ConfigureAwait(false);
            return;
        }

        BufferList = _entries;
        _completion.Reset();
        if (socket.SendAsync(this))
        {
            await new ValueTask(this, _completion.Version).ConfigureAwait(false);
        }
        else if (SocketError != SocketError.Success)
        {
            throw new SocketException((int)SocketError);
        }

        BufferList = null;
        _entries.Clear();
    }
}
