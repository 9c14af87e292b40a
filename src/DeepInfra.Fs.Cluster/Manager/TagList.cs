// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Manager;

/// <summary>Sets of tags, kept sorted by key.</summary>
internal static class TagList
{
    /// <summary>The tags after a change.</summary>
    /// <exception cref="ServiceException">A tag has no key or the mode is unknown (5011, 3).</exception>
    public static List<TagPair> Change(List<TagPair> old, List<TagPair> change, SetTagMode mode)
    {
        if (change.Any(t => string.IsNullOrEmpty(t.Key)))
        {
            throw new ServiceException(StatusCode.MgmtdInvalidTag, "a tag has no key");
        }
        var result = new SortedDictionary<string, TagPair>(SerdeText.ByteOrder);
        if (mode != SetTagMode.Replace)
        {
            foreach (var tag in old)
            {
                result[tag.Key!] = tag;
            }
        }
        foreach (var tag in change)
        {
            switch (mode)
            {
                case SetTagMode.Replace or SetTagMode.Upsert:
                    result[tag.Key!] = tag;
                    break;
                case SetTagMode.Remove:
                    result.Remove(tag.Key!);
                    break;
                default:
                    throw new ServiceException(StatusCode.InvalidArg, $"tag mode {mode}");
            }
        }
        return [.. result.Values];
    }
}
