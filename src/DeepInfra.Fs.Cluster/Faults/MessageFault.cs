// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Net;

namespace DeepInfra.Fs.Cluster.Faults;

/// <summary>A message between a client and a node.</summary>
/// <param name="Node">The node.</param>
/// <param name="ToNode">True for a request, false for its answer.</param>
/// <param name="Service">Service id.</param>
/// <param name="Method">Method id.</param>
internal readonly record struct Message(uint Node, bool ToNode, ushort Service, ushort Method);

/// <summary>What becomes of a message; the default value delivers it at once.</summary>
/// <param name="Action">Whether it arrives, vanishes, or takes its connection along.</param>
/// <param name="Delay">How long it is on its way.</param>
internal readonly record struct MessageFate(RpcFaultAction Action, TimeSpan Delay);
