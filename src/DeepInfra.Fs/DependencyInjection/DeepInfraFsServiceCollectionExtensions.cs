// SPDX-License-Identifier: MIT
using DeepInfra.Fs;
using Microsoft.Extensions.Logging;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the 3FS client.</summary>
public static class DeepInfraFsServiceCollectionExtensions
{
    /// <summary>
    /// Registers a <see cref="ThreeFsClientFactory"/> as a singleton; services take it and await its client.
    /// It logs to the logger factory of the services unless the settings name one.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Makes the settings, from configuration or other services.</param>
    public static IServiceCollection AddDeepInfraFs(
        this IServiceCollection services,
        Func<IServiceProvider, ThreeFsClientOptions> configure
    )
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        return services.AddSingleton(provider =>
        {
            var options = configure(provider);
            return new ThreeFsClientFactory(
                options with
                {
                    LoggerFactory = options.LoggerFactory ?? provider.GetService<ILoggerFactory>(),
                }
            );
        });
    }
}
