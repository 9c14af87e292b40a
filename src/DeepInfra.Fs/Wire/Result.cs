// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;

namespace DeepInfra.Fs.Wire;

/// <summary>A value or the status that explains its absence.</summary>
internal readonly struct Result<T>
{
    private readonly T? _value;
    private readonly Status _status;

    public Result(T value)
    {
        _value = value;
        HasValue = true;
    }

    public Result(Status status)
    {
        _status = status;
    }

    [MemberNotNullWhen(true, nameof(_value))]
    public bool HasValue { get; }

    /// <summary>The value; only when <see cref="HasValue"/>.</summary>
    public T Value =>
        HasValue ? _value : throw new InvalidOperationException($"the result is {_status}");

    /// <summary>The error, or OK when there is a value.</summary>
    public Status Status => HasValue ? Wire.Status.Ok : _status;

    public static implicit operator Result<T>(T value) => new(value);

    public static implicit operator Result<T>(Status status) => new(status);

    public static implicit operator Result<T>(StatusCode code) => new(new Status(code));

    public override string ToString() => HasValue ? $"ok({_value})" : _status.ToString();
}

internal readonly struct ResultOf<T, TCodec> : ISerdeCodec<Result<T>>
    where TCodec : struct, ISerdeCodec<T>
{
    public static int MinimumBytes => 1;

    public static void Visit<TVisitor>(ref TVisitor v, ref Result<T> value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var hasValue = value.HasValue;
        v.ResultTag(ref hasValue);
        if (hasValue)
        {
            T inner = TVisitor.IsReader ? default! : value.Value;
            TCodec.Visit(ref v, ref inner);
            value = inner;
        }
        else
        {
            var status = value.Status;
            StatusCodec.Visit(ref v, ref status);
            value = status;
        }

        v.EndResult();
    }
}
