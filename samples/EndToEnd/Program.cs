// SPDX-License-Identifier: MIT
// The training and the inference flow of DeepSeek's open infrastructure in one process; see README.md.
using EndToEnd;

return await CommandLine.RunAsync(args, new RunOptions());
