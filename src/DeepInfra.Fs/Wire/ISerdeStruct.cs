// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

/// <summary>A structure that lists its tables and fields in wire order.</summary>
/// <typeparam name="TSelf">The structure itself. Its parameterless constructor sets the wire defaults.</typeparam>
internal interface ISerdeStruct<TSelf>
    where TSelf : ISerdeStruct<TSelf>, new()
{
    /// <summary>Name of the structure in the protocol, for diagnostics.</summary>
    static abstract string WireName { get; }

    /// <summary>Walks the tables of <paramref name="x"/> in wire order.</summary>
    static abstract void Visit<TVisitor>(ref TVisitor v, ref TSelf x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct;
}

/// <summary>The encoding of one type of value.</summary>
/// <typeparam name="T">The managed type.</typeparam>
internal interface ISerdeCodec<T>
{
    /// <summary>Lower bound of the encoded length in bytes.</summary>
    static abstract int MinimumBytes { get; }

    static abstract void Visit<TVisitor>(ref TVisitor v, ref T value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct;
}
