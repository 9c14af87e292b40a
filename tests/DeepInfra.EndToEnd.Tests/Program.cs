// SPDX-License-Identifier: MIT
// The tests, or the program under test where the environment says so.
using DeepInfra.EndToEnd.Tests;
using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

if (DemoHost.IsChild)
    return await DemoHost.ServeAsync();
return args.Any(a => a is "-automated" or "@@")
    ? await ConsoleRunner.Run(args)
    : await TestPlatformTestFramework.RunAsync(
        args,
        SelfRegisteredExtensions.AddSelfRegisteredExtensions
    );
