# The entry point of the build on Windows: ./build.ps1 [target] [arguments]; see docs/building.md.
$ErrorActionPreference = 'Stop'
Set-Location $PSScriptRoot
$target = if ($args.Count -gt 0) { $args[0] } else { 'default' }
$rest = if ($args.Count -gt 1) { $args[1..($args.Count - 1)] } else { @() }
$env:DOTNET_CLI_TELEMETRY_OPTOUT = '1'
$env:DOTNET_NOLOGO = '1'
dotnet tool restore --verbosity quiet
dotnet cake build.cake "--target=$($target -replace '-', '')" --verbosity=quiet @rest
exit $LASTEXITCODE
