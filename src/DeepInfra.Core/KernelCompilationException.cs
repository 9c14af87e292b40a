// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using DeepInfra.Core.Jit;

namespace DeepInfra.Core;

/// <summary>A kernel could not be compiled, or was needed from a cache that does not have it.</summary>
public sealed class KernelCompilationException : DeepInfraException
{
    /// <summary>Creates an exception with a default message.</summary>
    public KernelCompilationException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and what to do about it.</param>
    public KernelCompilationException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and what to do about it.</param>
    /// <param name="innerException">The cause.</param>
    public KernelCompilationException(string message, Exception innerException)
        : base(message, innerException) { }

    internal KernelCompilationException(
        KernelSpec spec,
        string message,
        string log,
        IReadOnlyList<string> options
    )
        : base(log.Length == 0 ? message : $"{message}\n{log}")
    {
        Spec = spec;
        Log = log;
        Options = options;
    }

    /// <summary>The kernel; null if the exception was not made by a compiler.</summary>
    public KernelSpec? Spec { get; }

    /// <summary>What the compiler said.</summary>
    public string Log { get; } = "";

    /// <summary>The options it was given.</summary>
    public IReadOnlyList<string> Options { get; } = [];

    /// <summary>The digest of the source and everything else that went in.</summary>
    public string SourceHash => Spec?.Hash.ToString() ?? "";

    /// <summary>The source with line numbers, as the log counts them.</summary>
    public string NumberedSource
    {
        get
        {
            if (Spec is null)
                return "";
            var text = new StringBuilder();
            var lines = Spec.Source.Split('\n');
            for (var i = 0; i < lines.Length; i++)
                text.AppendLine(
                    CultureInfo.InvariantCulture,
                    $"{i + 1, 5}  {lines[i].TrimEnd('\r')}"
                );
            return text.ToString();
        }
    }

    /// <summary>Message, numbered source and stack.</summary>
    public override string ToString() =>
        Spec is null ? base.ToString() : $"{base.ToString()}\n{Spec.Name}:\n{NumberedSource}";
}
