// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

/// <summary>
/// One walk over a wire structure. Each message lists its fields once, in a generic <c>Visit</c> method; the
/// sizer, the writer, the reader and the test dumper are visitors, so they cannot disagree about the order.
/// Visitors are structs: the JIT specialises each walk and the field names vanish.
/// </summary>
internal interface ISerdeVisitor
{
    /// <summary>True for the visitor that fills values instead of consuming them.</summary>
    static abstract bool IsReader { get; }

    /// <summary>Marks the start of a structure with all its tables; no bytes.</summary>
    void BeginStruct(string typeName);

    void EndStruct();

    /// <summary>Starts one length-prefixed table (one class of the inheritance chain).</summary>
    TableScope BeginTable();

    void EndTable(TableScope scope);

    /// <summary>
    /// Announces the next field of the current table. Returns false when a reader has reached the end of the
    /// table: the field and all that follow keep their defaults.
    /// </summary>
    bool BeginField(string name);

    /// <summary>Starts a counted container. Returns the count to walk.</summary>
    /// <param name="count">The number of elements to write; ignored by a reader.</param>
    /// <param name="minimumElementBytes">Lower bound of an element's encoding, used to reject absurd counts.</param>
    /// <param name="kind">What the container is; for dumpers.</param>
    int BeginList(int count, int minimumElementBytes, SerdeListKind kind);

    /// <summary>A container whose count is a single byte.</summary>
    int BeginShortList(int count);

    void EndList();

    void BeginPair();

    void EndPair();

    /// <summary>The presence byte of an optional.</summary>
    void Optional(ref bool present);

    /// <summary>The discriminator byte of a result.</summary>
    void ResultTag(ref bool hasValue);

    void EndResult();

    /// <summary>The short type name of a variant's alternative.</summary>
    void VariantName(ref string name);

    void EndVariant();

    /// <summary>A field without bytes.</summary>
    void Void();

    /// <summary>A byte whose value carries no meaning; written as zero.</summary>
    void Padding();

    /// <summary>A fixed-width little-endian number.</summary>
    void Scalar<T>(ref T value)
        where T : unmanaged;

    /// <summary>An enum, sent as its underlying integer; unknown values pass unchanged.</summary>
    void Enumeration<T>(ref T value)
        where T : unmanaged, Enum;

    void Varint32(ref uint value);

    void Varint64(ref ulong value);

    void Text(ref string value);

    void Uuid(ref Guid value);

    void Address(ref NodeAddress value);

    void ChunkId(ref ChunkId value);

    void Blob(ref InlineData value);
}

/// <summary>What a counted container is; only dumpers look at it.</summary>
internal enum SerdeListKind
{
    List,
    Map,
}

/// <summary>What <see cref="ISerdeVisitor.EndTable"/> needs to return to the enclosing table.</summary>
internal readonly record struct TableScope(int First, int Second);
