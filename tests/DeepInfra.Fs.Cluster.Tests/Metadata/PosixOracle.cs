// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Metadata;

/// <summary>An inode as the permission rules see it.</summary>
/// <param name="Uid">Owner.</param>
/// <param name="Gid">Group.</param>
/// <param name="Mode">Permission bits with set-id and sticky bits.</param>
/// <param name="Parent">Directory that holds it; null for the root.</param>
internal sealed record PosixNode(uint Uid, uint Gid, uint Mode, PosixNode? Parent);

/// <summary>
/// Who may do what, from the text of POSIX (path resolution, open, link, unlink, rename, chmod, chown,
/// utimensat, and S_ISVTX) and nothing else: it shares no code with the service whose verdicts it judges.
/// </summary>
internal static class PosixOracle
{
    /// <summary>Whether the bits of the user's class contain all of <paramref name="letters"/> (of "rwx").</summary>
    public static bool May(UserInfo user, PosixNode node, string letters)
    {
        if (user.Uid == 0)
        {
            return true;
        }
        var text = Convert.ToString(node.Mode & 0b111_111_111, 8).PadLeft(3, '0');
        var inGroup = user.Gid == node.Gid || user.Groups.Exists(g => g == node.Gid);
        var digit =
            text[
                user.Uid == node.Uid ? 0
                : inGroup ? 1
                : 2
            ] - '0';
        var granted = string.Concat(
            digit / 4 == 1 ? "r" : "",
            digit / 2 % 2 == 1 ? "w" : "",
            digit % 2 == 1 ? "x" : ""
        );
        return letters.All(granted.Contains);
    }

    /// <summary>Path resolution: every directory on the way is searched.</summary>
    public static bool MayReach(UserInfo user, PosixNode node)
    {
        for (var directory = node.Parent; directory is not null; directory = directory.Parent)
        {
            if (!May(user, directory, "x"))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>A name appears in or vanishes from a directory.</summary>
    public static bool MayChangeNames(UserInfo user, PosixNode directory) =>
        MayReach(user, directory) && May(user, directory, "wx");

    /// <summary>unlink and rmdir, and either end of rename.</summary>
    public static bool MayUnlink(UserInfo user, PosixNode entry)
    {
        var directory = entry.Parent!;
        var restricted = (directory.Mode & 0x200) != 0;
        return MayChangeNames(user, directory)
            && (!restricted || user.Uid == 0 || user.Uid == entry.Uid || user.Uid == directory.Uid);
    }

    /// <summary>chmod, utimensat with given times.</summary>
    public static bool Owns(UserInfo user, PosixNode node) =>
        MayReach(user, node) && (user.Uid == 0 || user.Uid == node.Uid);

    /// <summary>chown to another group.</summary>
    public static bool MayGiveTo(UserInfo user, PosixNode node, uint group) =>
        Owns(user, node) && (user.Uid == 0 || user.Gid == group || user.Groups.Contains(group));

    /// <summary>utimensat with the present time.</summary>
    public static bool MayTouch(UserInfo user, PosixNode node) =>
        MayReach(user, node) && (Owns(user, node) || May(user, node, "w"));
}
