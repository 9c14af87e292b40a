// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Execution;

/// <summary>
/// Names the files of a source. Its key has path, size and modification time of each file; files that Pond
/// has written go by the write instead of the time.
/// </summary>
internal sealed class SourceWork(FileSet files) : TaskWork
{
    public override bool MetadataOnly => true;

    public override void AppendKey(KeyBuilder key)
    {
        key.Add("source").Add(files.Format.Describe()).Add(files.Files.Count);
        foreach (var file in files.Files)
        {
            key.Add(file.Path)
                .Add(file.Bytes)
                .Add(file.Origin is null ? file.Modified : 0)
                .Add(file.Origin);
        }
    }

    public override TaskOutput Run(TaskContext context) => new() { Slots = [files] };
}
