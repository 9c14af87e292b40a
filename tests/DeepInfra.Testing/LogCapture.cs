// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace DeepInfra.Testing;

/// <summary>A logger factory that keeps everything. Thread-safe.</summary>
public sealed class LogCapture : ILoggerFactory
{
    private readonly ConcurrentQueue<LogLine> _lines = new();

    /// <summary>Lines so far, oldest first.</summary>
    public IReadOnlyList<LogLine> Lines => [.. _lines];

    /// <summary>Lines of one event.</summary>
    /// <param name="id">Event id.</param>
    public IReadOnlyList<LogLine> Of(int id) => [.. _lines.Where(l => l.EventId == id)];

    /// <summary>Waits for a line of an event; fails after a minute.</summary>
    /// <param name="id">Event id.</param>
    public async Task<LogLine> WaitForAsync(int id)
    {
        for (var i = 0; i < 2400; i++)
        {
            if (Of(id) is [var first, ..])
            {
                return first;
            }
            await Task.Delay(25).ConfigureAwait(false);
        }
        throw new TimeoutException(
            $"no line of event {id}; there are: {string.Join("; ", _lines.Select(l => $"{l.EventId} {l.Message}"))}"
        );
    }

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    /// <inheritdoc/>
    public void AddProvider(ILoggerProvider provider) { }

    /// <inheritdoc/>
    public void Dispose() { }

    private sealed class Logger(LogCapture owner, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) =>
            owner._lines.Enqueue(
                new LogLine(category, logLevel, eventId.Id, formatter(state, exception), exception)
            );
    }
}

/// <summary>One captured line.</summary>
/// <param name="Category">Category of the logger.</param>
/// <param name="Level">Severity.</param>
/// <param name="EventId">Event id.</param>
/// <param name="Message">Formatted text.</param>
/// <param name="Exception">The exception, if one was given.</param>
public sealed record LogLine(
    string Category,
    LogLevel Level,
    int EventId,
    string Message,
    Exception? Exception
);
