#!/usr/bin/env bash
# The entry point of the build: ./build.sh [target] [arguments]; see docs/building.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if ! command -v dotnet >/dev/null; then
    echo "build.sh: the .NET 10 SDK is needed (dotnet is not on PATH); get it from https://dot.net" >&2
    exit 1
fi

target=${1:-default}
[ $# -gt 0 ] && shift
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
dotnet tool restore --verbosity quiet
exec dotnet cake build.cake --target="${target//-/}" --verbosity=quiet "$@"
