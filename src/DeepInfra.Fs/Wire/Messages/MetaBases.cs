// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

/// <summary>The table that every metadata request starts with.</summary>
internal abstract class MetaRequest
{
    public UserInfo User = new();
    public ClientId Client;

    /// <summary>Node that forwarded the request; only metadata servers set it.</summary>
    public uint Forward;

    /// <summary>Id of the request, the same for each retry of a mutating call; zero for reads.</summary>
    public Guid Uuid;

    protected static void VisitBase<TVisitor>(ref TVisitor v, MetaRequest x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Struct("user", ref x.User);
        v.Struct("client", ref x.Client);
        v.Number("forward", ref x.Forward);
        v.Field("uuid", ref x.Uuid, default(Uuid));
        v.EndTable(table);
    }
}

/// <summary>The empty table that every metadata response starts with.</summary>
internal abstract class MetaResponse
{
    protected static void VisitBase<TVisitor>(ref TVisitor v, MetaResponse x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        _ = x;
        var table = v.BeginTable();
        v.Dummy("dummy");
        v.EndTable(table);
    }
}
