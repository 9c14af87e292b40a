// SPDX-License-Identifier: MIT
// The training and the inference flow of DeepSeek's open infrastructure in one process; see README.md.
using System.CommandLine;
using EndToEnd;

var input = new Option<string?>("--input")
{
    Description =
        "Folder of .txt, .jsonl, .jsonl.gz or .parquet files; the shipped corpus if absent.",
};
var tokens = new Option<int>("--tokens")
{
    Description = "Tokens to train on.",
    DefaultValueFactory = _ => new RunOptions().Tokens,
};
var report = new Option<string>("--report")
{
    Description = "Where the HTML report goes.",
    DefaultValueFactory = _ => new RunOptions().Report,
};
var data = new Option<string?>("--data")
{
    Description =
        "Folder of the embedded 3FS cluster; a temporary one that is removed afterwards if absent.",
};
var seed = new Option<int>("--seed")
{
    Description = "Seed of weights, data order and sampling.",
    DefaultValueFactory = _ => new RunOptions().Seed,
};

var command = new RootCommand(
    "Raw text to trained model to generated text, through every DeepInfra package."
)
{
    input,
    tokens,
    report,
    data,
    seed,
};
command.SetAction(
    (arguments, cancellationToken) =>
        Application.RunAsync(
            new RunOptions
            {
                Input = arguments.GetValue(input),
                Tokens = arguments.GetValue(tokens),
                Report = arguments.GetValue(report)!,
                Data = arguments.GetValue(data),
                Seed = arguments.GetValue(seed),
            },
            cancellationToken
        )
);
return await command.Parse(args).InvokeAsync();
