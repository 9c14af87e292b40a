// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Metadata;

/// <summary>Permission rules: owner, else group, else others; uid 0 may do everything.</summary>
internal static class Access
{
    public const uint Execute = 1;
    public const uint Write = 2;
    public const uint Read = 4;

    public const uint SetUid = 0x800;
    public const uint SetGid = 0x400;
    public const uint Sticky = 0x200;
    public const uint SpecialBits = SetUid | SetGid | Sticky;

    /// <summary>Requires all bits of <paramref name="wanted"/>.</summary>
    /// <exception cref="ServiceException">The user lacks one (3008).</exception>
    public static void Check(in Acl acl, UserInfo user, uint wanted)
    {
        if (user.Uid == 0)
        {
            return;
        }
        var shift =
            user.Uid == acl.Uid ? 6
            : IsMember(user, acl.Gid) ? 3
            : 0;
        if (((acl.Perm >> shift) & wanted) != wanted)
        {
            throw Denied(
                $"acl {{uid: {acl.Uid}, gid: {acl.Gid}, perm: 0{Convert.ToString(acl.Perm, 8)}}}, user (uid "
                    + $"{user.Uid}, gid {user.Gid}, groups ({string.Join(',', user.Groups)})) has no perm for {wanted}"
            );
        }
    }

    /// <summary>Whether the user is in the group.</summary>
    public static bool IsMember(UserInfo user, uint gid) =>
        user.Gid == gid || user.Groups.Contains(gid);

    /// <summary>Requires the owner or root.</summary>
    /// <exception cref="ServiceException">The user is neither (3008).</exception>
    public static void CheckOwner(in Acl acl, UserInfo user, string what)
    {
        if (user.Uid != 0 && user.Uid != acl.Uid)
        {
            throw Denied($"{what} needs the owner {acl.Uid} or root, not uid {user.Uid}");
        }
    }

    /// <summary>Entries of a sticky directory may be removed by their owner or the directory's owner only.</summary>
    /// <exception cref="ServiceException">The user is neither (3008).</exception>
    public static void CheckSticky(in Acl directory, in Acl entry, UserInfo user)
    {
        if (
            (directory.Perm & Sticky) != 0
            && user.Uid != 0
            && user.Uid != directory.Uid
            && user.Uid != entry.Uid
        )
        {
            throw Denied($"the directory is sticky and the entry belongs to uid {entry.Uid}");
        }
    }

    /// <summary>Refuses to change an immutable inode.</summary>
    /// <exception cref="ServiceException">The flag is set (3008).</exception>
    public static void CheckMutable(in Acl acl)
    {
        if ((acl.Iflags & InodeFlags.Immutable) != 0)
        {
            throw Denied("the inode is immutable");
        }
    }

    private static ServiceException Denied(string reason) =>
        new(StatusCode.MetaNoPermission, reason);
}
