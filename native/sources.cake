// SPDX-License-Identifier: MIT
// What a record of a kernel is about: the hash of its source and of the headers that it includes. Loaded by build.cake.

// The hash of each source that is there; "core/cast" is the file of that name in native/core, or below it.
SortedDictionary<string, string> SourceHashes(IEnumerable<string> sources)
{
    var hashes = new SortedDictionary<string, string>(StringComparer.Ordinal);
    foreach (var source in sources.Distinct())
        if (SourceHash(source) is { } hash)
            hashes[source] = hash;
    return hashes;
}

// The same hash means the same text for the compiler: comments and layout do not count. Null if there is no such source.
string? SourceHash(string source)
{
    var (area, name) = (source.Split('/')[0], source.Split('/')[1]);
    // Tests have files of the same names, which instantiate what the kernel's own file has.
    var file = new[] { "cu", "cuh" }
        .SelectMany(e => GetFiles($"{nativeSource}/{area}/**/{name}.{e}"))
        .Select(f => nativeSource.GetRelativePath(f).FullPath)
        .FirstOrDefault(f => !f.Contains("/tests/"));
    if (file is null)
        return null;
    var texts = new SortedDictionary<string, string>(StringComparer.Ordinal);
    void Add(string path)
    {
        if (texts.ContainsKey(path))
            return;
        var text = SourceText(System.IO.File.ReadAllText(nativeSource.CombineWithFilePath(path).FullPath));
        texts.Add(path, text);
        // All paths are relative to native/.
        foreach (Match include in Regex.Matches(text, "^#\\s*include\\s*\"(?<path>[^\"]+)\"", RegexOptions.Multiline))
            Add(include.Groups["path"].Value);
    }
    Add(file);
    var all = string.Concat(texts.Select(t => $"{t.Key}\n{t.Value}\n"));
    return Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(all)))[..16];
}

// A source without comments, and with no more white space than its tokens and directives need.
string SourceText(string text)
{
    text = Regex.Replace(text.Replace("\\\n", " "), @"(?<literal>""(?:\\.|[^""\\\n])*""|'(?:\\.|[^'\\\n])')|//[^\n]*|/\*.*?\*/", m => m.Groups["literal"].Success ? m.Value : " ", RegexOptions.Singleline);
    var lines = text.Split('\n').Select(l => Regex.Replace(l.Trim(), @"\s+", " ")).Where(l => l.Length > 0).Select(l => l[0] == '#' ? $"\n{l}\n" : $"{l} ");
    // A blank counts between two words only, in directives and strings too: nothing here depends on the others.
    return Regex.Replace(string.Concat(lines), @"(?<!\w) | (?!\w)", "");
}
