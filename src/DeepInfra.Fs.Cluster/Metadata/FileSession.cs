// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Metadata;

/// <summary>A client that has a file open for writing.</summary>
internal sealed class FileSession : ISerdeStruct<FileSession>
{
    /// <summary>The client.</summary>
    public ClientId Client;

    /// <summary>When it opened the file, microseconds since the Unix epoch.</summary>
    public long Opened;

    /// <inheritdoc/>
    public static string WireName => "FileSession";

    /// <inheritdoc/>
    public static void Visit<TVisitor>(ref TVisitor v, ref FileSession x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("client", ref x.Client);
        v.Number("opened", ref x.Opened);
        v.EndTable(table);
    }
}
