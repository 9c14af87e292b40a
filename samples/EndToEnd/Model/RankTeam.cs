// SPDX-License-Identifier: MIT
using System.Runtime.ExceptionServices;

namespace EndToEnd.Model;

/// <summary>
/// The expert ranks of one pipeline rank: the pipeline's own thread is expert rank 0, one more thread each for the
/// others. <see cref="Run"/> executes a function on all of them and returns when all are done.
/// </summary>
internal sealed class RankTeam : IDisposable
{
    private readonly Member[] _members;

    public RankTeam(string name, int size)
    {
        Size = size;
        _members = new Member[size - 1];
        for (var i = 0; i < _members.Length; i++)
            _members[i] = new Member($"{name}-expert-{i + 1}", i + 1);
    }

    public int Size { get; }

    /// <summary>Runs the function with each expert rank's index; the first failure is rethrown.</summary>
    public void Run(Action<int> function)
    {
        foreach (var member in _members)
            member.Start(function);
        ExceptionDispatchInfo? failure = null;
        try
        {
            function(0);
        }
        catch (Exception e)
        {
            failure = ExceptionDispatchInfo.Capture(e);
        }
        foreach (var member in _members)
        {
            // Also after a failure: what the others work on is the caller's to free.
            var other = member.Wait();
            failure ??= other;
        }
        failure?.Throw();
    }

    public void Dispose()
    {
        foreach (var member in _members)
            member.Dispose();
    }

    private sealed class Member : IDisposable
    {
        private readonly SemaphoreSlim _start = new(0);
        private readonly SemaphoreSlim _done = new(0);
        private readonly Thread _thread;
        private readonly int _index;
        private Action<int>? _function;
        private ExceptionDispatchInfo? _failure;

        public Member(string name, int index)
        {
            _index = index;
            _thread = new Thread(Loop) { IsBackground = true, Name = name };
            _thread.Start();
        }

        public void Start(Action<int> function)
        {
            _function = function;
            _start.Release();
        }

        public ExceptionDispatchInfo? Wait()
        {
            _done.Wait();
            var failure = _failure;
            _failure = null;
            return failure;
        }

        public void Dispose()
        {
            _function = null;
            _start.Release();
            _thread.Join();
            _start.Dispose();
            _done.Dispose();
        }

        private void Loop()
        {
            while (true)
            {
                _start.Wait();
                if (_function is not { } function)
                    return;
                try
                {
                    function(_index);
                }
                catch (Exception e)
                {
                    _failure = ExceptionDispatchInfo.Capture(e);
                }
                _done.Release();
            }
        }
    }
}
