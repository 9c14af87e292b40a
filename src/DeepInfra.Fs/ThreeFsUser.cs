// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs;

/// <summary>The user that requests name. Servers without authentication believe the numbers; others check the token.</summary>
/// <param name="Uid">User id; 0 is root.</param>
/// <param name="Gid">Primary group id.</param>
public sealed record ThreeFsUser(uint Uid, uint Gid)
{
    /// <summary>Further groups.</summary>
    public IReadOnlyList<uint> Groups { get; init; } = [];

    /// <summary>Token of the user; empty where the cluster does not authenticate.</summary>
    public string Token { get; init; } = "";

    /// <summary>The superuser.</summary>
    public static ThreeFsUser Root { get; } = new(0, 0);
}
