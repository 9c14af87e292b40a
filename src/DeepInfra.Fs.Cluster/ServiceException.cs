// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster;

/// <summary>A service refuses a request; code and message travel to the caller.</summary>
internal sealed class ServiceException : DeepInfraException
{
    public ServiceException() { }

    public ServiceException(string message)
        : base(message) { }

    public ServiceException(string message, Exception innerException)
        : base(message, innerException) { }

    public ServiceException(StatusCode code, string? message = null)
        : base(message ?? code.ToString())
    {
        Status = new Status(code, message);
    }

    /// <summary>What the caller sees.</summary>
    public Status Status { get; } = new(StatusCode.Unknown);
}
