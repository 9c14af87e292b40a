// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

/// <summary>A status code with an optional message.</summary>
internal readonly record struct Status(StatusCode Code, string? Message = null)
{
    public static readonly Status Ok;

    public bool IsOk => Code == StatusCode.Ok;

    public override string ToString() =>
        string.IsNullOrEmpty(Message)
            ? $"{Code} ({(int)Code})"
            : $"{Code} ({(int)Code}): {Message}";
}

internal readonly struct StatusCodec : ISerdeCodec<Status>
{
    public static int MinimumBytes => 3;

    public static void Visit<TVisitor>(ref TVisitor v, ref Status value)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        v.BeginStruct("Status");
        var code = (ushort)value.Code;
        // An empty message travels as an absent one.
        var message = string.IsNullOrEmpty(value.Message) ? null : value.Message;
        v.BeginField("code");
        v.Scalar(ref code);
        v.BeginField("msg");
        OptionalRef<string, Text>.Visit(ref v, ref message);
        v.EndStruct();
        if (TVisitor.IsReader)
        {
            value = new Status((StatusCode)code, message);
        }
    }
}
