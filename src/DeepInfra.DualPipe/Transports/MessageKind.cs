// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Transports;

/// <summary>What a message carries.</summary>
public enum MessageKind : byte
{
    /// <summary>Activations for the next stage.</summary>
    Activation = 1,

    /// <summary>Gradients for the previous stage.</summary>
    Gradient = 2,
}
