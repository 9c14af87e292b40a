// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster;

/// <summary>
/// The service that every node offers for tools. Nodes of the embedded cluster have no configuration
/// text of their own: it is empty, and changing it is refused.
/// </summary>
internal static class CoreService
{
    /// <summary>The service for a listener.</summary>
    public static RpcService CreateService() =>
        new RpcService(ServiceId.Core, ServiceName.Core)
            .On<EchoMessage, EchoMessage>(CoreMethod.Echo, "echo", m => m)
            .On<CoreGetConfigReq, CoreGetConfigRsp>(
                CoreMethod.GetConfig,
                "getConfig",
                r =>
                    r.ConfigKey.Length == 0
                        ? new CoreGetConfigRsp()
                        : throw new ServiceException(
                            StatusCode.ConfigKeyNotFound,
                            r.ConfigKey.Split('.')[0]
                        )
            )
            .On<RenderConfigReq, RenderConfigRsp>(CoreMethod.RenderConfig, "renderConfig", Render)
            .On<HotUpdateConfigReq, HotUpdateConfigRsp>(
                CoreMethod.HotUpdateConfig,
                "hotUpdateConfig",
                _ => throw NotConfigurable()
            )
            .On<GetLastConfigUpdateRecordReq, GetLastConfigUpdateRecordRsp>(
                CoreMethod.GetLastConfigUpdateRecord,
                "getLastConfigUpdateRecord",
                _ => new GetLastConfigUpdateRecordRsp()
            )
            .On<ShutdownReq, ShutdownRsp>(
                CoreMethod.Shutdown,
                "shutdown",
                _ =>
                    throw new NotSupportedException(
                        "the embedded cluster is stopped by the process that started it"
                    )
            );

    private static RenderConfigRsp Render(RenderConfigReq request)
    {
        var key = request
            .ConfigTemplate.Split('\n')
            .Select(line => line.Split('=')[0].Trim())
            .FirstOrDefault(k => k.Length > 0 && !k.StartsWith('#'));
        return new RenderConfigRsp
        {
            ConfigAfterRender = request.ConfigTemplate,
            UpdateStatus =
                key is null || !request.TestUpdate
                    ? Status.Ok
                    : new Status(StatusCode.ConfigRedundantKey, $"Invalid key: {key}"),
        };
    }

    private static NotSupportedException NotConfigurable() =>
        new("the embedded cluster takes its settings from ThreeFsClusterOptions at the start");
}
