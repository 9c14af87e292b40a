// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Transports;

/// <summary>A received message; the receiver owns its tensors.</summary>
/// <param name="Tag">Identity.</param>
/// <param name="Tensors">Payload.</param>
public readonly record struct TensorMessage(MessageTag Tag, TensorList Tensors);
