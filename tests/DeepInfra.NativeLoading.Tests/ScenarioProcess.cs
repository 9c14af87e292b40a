// SPDX-License-Identifier: MIT
using System.Reflection;

namespace DeepInfra.NativeLoading.Tests;

/// <summary>
/// The program: the test runner, or with <c>--scenario CLASS</c> the tests of one class for the scenario of the environment. There are
/// dozens of these processes, and the runner alone takes longer to start than most of them work.
/// </summary>
internal static class ScenarioProcess
{
    public const string Option = "--scenario";

    public static async Task<int> Main(string[] arguments)
    {
        if (arguments is not [Option, var name])
            return await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(
                arguments,
                SelfRegisteredExtensions.AddSelfRegisteredExtensions
            );
        var type = typeof(ScenarioProcess).Assembly.GetType(name, throwOnError: true)!;
        var (succeeded, failed) = (0, 0);
        foreach (
            var test in type.GetMethods().Where(m => m.IsDefined(typeof(ScenarioTestAttribute)))
        )
            try
            {
                var instance = Activator.CreateInstance(
                    type,
                    BindingFlags.Public | BindingFlags.Instance | BindingFlags.DoNotWrapExceptions,
                    binder: null,
                    args: null,
                    culture: null
                );
                using (instance as IDisposable)
                    if (
                        test.Invoke(
                            instance,
                            BindingFlags.DoNotWrapExceptions,
                            binder: null,
                            parameters: null,
                            culture: null
                        )
                        is Task task
                    )
                        await task;
                succeeded++;
            }
            catch (OtherScenarioException)
            {
                // Not what this process is for.
            }
            catch (Exception e)
            {
                failed++;
                await Console.Error.WriteLineAsync($"{name}.{test.Name}: {e}");
            }
        await Console.Out.WriteLineAsync($"succeeded: {succeeded}, failed: {failed}");
        // A scenario without tests tests nothing.
        return failed > 0 || succeeded == 0 ? 1 : 0;
    }
}

/// <summary>A test that needs a process of its own; see <see cref="Scenario"/>.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ScenarioTestAttribute : Attribute;

/// <summary>The test belongs to another scenario than this process's.</summary>
internal sealed class OtherScenarioException : Exception;
