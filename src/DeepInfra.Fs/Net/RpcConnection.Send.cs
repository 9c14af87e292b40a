// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Net;

internal sealed partial class RpcConnection
{
    private const int MaximumFramesPerSend = 64;
    private const long MaximumBytesPerSend = 8 << 20;

    private readonly Lock _sendLock = new();
    private readonly Queue<OutgoingFrame> _sendQueue = new();
    private readonly List<OutgoingFrame> _sendBatch = [];
    private readonly List<ReadOnlyMemory<byte>> _sendSegments = [];
    private GatherSender? _sender;
    private bool _sending;
    private long _queuedBytes;

    /// <summary>
    /// Queues a frame. Whoever finds no send in progress sends at once on its own thread, so an idle connection adds
    /// no thread switch; frames that queue up meanwhile leave together.
    /// </summary>
    public void Enqueue(OutgoingFrame frame)
    {
        lock (_sendLock)
        {
            if (!IsClosed)
            {
                _sendQueue.Enqueue(frame);
                _queuedBytes += frame.TotalBytes;
                if (_sending)
                {
                    return;
                }

                _sending = true;
                frame = null!;
            }
        }

        if (frame is not null)
        {
            frame.TryWithdraw();
            return;
        }

        _ = SendLoopAsync();
    }

    private async Task SendLoopAsync()
    {
        try
        {
            while (TakeBatch())
            {
                _sender ??= new GatherSender();
                await _sender.SendAsync(_socket, _sendSegments).ConfigureAwait(false);
                ReleaseBatch();
                Touch();
            }
        }
        catch (Exception e)
        {
            // Whatever it was, a part of a frame may have left: the stream cannot be continued.
            ReleaseBatch();
            lock (_sendLock)
            {
                _sending = false;
            }

            Abort(new Status(StatusCode.RpcSendFailed, e.Message));
            _sender?.Dispose();
        }
    }

    private bool TakeBatch()
    {
        lock (_sendLock)
        {
            long bytes = 0;
            while (
                _sendBatch.Count < MaximumFramesPerSend
                && bytes < MaximumBytesPerSend
                && _sendQueue.TryDequeue(out var frame)
            )
            {
                _queuedBytes -= frame.TotalBytes;
                if (frame.TryStartSending())
                {
                    _sendBatch.Add(frame);
                    bytes += frame.TotalBytes;
                }
            }

            if (_sendBatch.Count == 0)
            {
                _sending = false;
                return false;
            }
        }

        _sendSegments.Clear();
        foreach (var frame in _sendBatch)
        {
            frame.CollectSegments(_sendSegments);
        }

        SignalCapacity();
        return true;
    }

    private void ReleaseBatch()
    {
        foreach (var frame in _sendBatch)
        {
            frame.Release();
        }

        _sendBatch.Clear();
        _sendSegments.Clear();
    }

    private void ReleaseQueue()
    {
        lock (_sendLock)
        {
            while (_sendQueue.TryDequeue(out var frame))
            {
                frame.TryWithdraw();
            }

            _queuedBytes = 0;
        }

        SignalCapacity();
    }
}
