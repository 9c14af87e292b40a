// SPDX-License-Identifier: MIT
namespace EndToEnd;

/// <summary>Names of the phases, in order: on the console, in messages and in the report.</summary>
internal static class Phases
{
    public const string Start = "start the embedded 3FS cluster";
    public const string Upload = "copy raw text to 3FS";
    public const string Prepare = "prepare text with Pond";
    public const string CheckText = "check the prepared text";
    public const string CheckExchange = "check dispatch and combine";
    public const string CheckGradients = "check gradients";
    public const string ValidateUntrained = "validate the untrained model";
    public const string Train = "train";
    public const string Validate = "validate";
    public const string Save = "save checkpoint to 3FS";
    public const string Resume = "resume from checkpoint";
    public const string Load = "load checkpoint for serving";
    public const string CheckDecode = "compare prefill and decode";
    public const string Prefill = "prefill";
    public const string DecodeLocal = "decode without offloading";
    public const string Offload = "offload KV cache to 3FS and fetch it back";
    public const string Decode = "decode from fetched KV cache";

    /// <summary>All of them in order.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        Start,
        Upload,
        Prepare,
        CheckText,
        CheckExchange,
        CheckGradients,
        ValidateUntrained,
        Train,
        Validate,
        Save,
        Resume,
        Load,
        CheckDecode,
        Prefill,
        DecodeLocal,
        Offload,
        Decode,
    ];
}
