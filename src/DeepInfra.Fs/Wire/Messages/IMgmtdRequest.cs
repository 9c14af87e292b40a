// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

/// <summary>A request to the manager: each names the cluster and the user.</summary>
internal interface IMgmtdRequest
{
    /// <summary>Fills the fields that are the same in every request.</summary>
    void Prepare(string clusterId, UserInfo user);
}
