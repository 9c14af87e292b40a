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
# Commands of the SDK leave empty folders among the temporary files. Theirs are kept apart, and the folders removed at the end of a build;
# NuGet's locks stay where other builds see them.
export NUGET_SCRATCH="${NUGET_SCRATCH:-${TMPDIR:-/tmp}/NuGetScratch$(id -un)}" DEEPINFRA_SDK_TMPDIR="$PWD/artifacts/tmp"
mkdir -p "$DEEPINFRA_SDK_TMPDIR"
TMPDIR="$DEEPINFRA_SDK_TMPDIR" dotnet tool restore --verbosity quiet
exec dotnet cake build.cake --target="${target//-/}" --verbosity=quiet "$@"
