# SPDX-License-Identifier: MIT
"""Names the functions of common/ptx that the sources beside this script do not call.

coverage.py NATIVE COMPILER. Both are expanded by the host compiler with the simulator's headers, as many
functions and calls come from macros.
"""

import re
import subprocess
import sys
from pathlib import Path

DEFINITION = re.compile(r"\binline\s+__attribute__\(\(always_inline\)\)\s+[\w:]+[\s*&]+(\w+)\s*\(")
PLACE = re.compile(r'^# \d+ "([^"]*)"')


def expand(native, compiler, source):
    """What a source becomes, as (file that a line is from, line)."""
    text = subprocess.run(
        [compiler, "-x", "c++", "-std=c++20", "-E", "-include", native / "sim/include/deepinfra_sim/prelude.h"]
        + ["-I", native, "-I", native / "sim/include", source],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    lines, file = [], ""
    for line in text.splitlines():
        if match := PLACE.match(line):
            file = match.group(1)
        else:
            lines.append((file, line))
    return lines


def main():
    native, compiler = Path(sys.argv[1]), sys.argv[2]
    here = Path(__file__).parent
    everything = expand(native, compiler, native / "common/ptx.cuh")
    headers = "\n".join(line for file, line in everything if "common/ptx/" in file)
    defined = set(DEFINITION.findall(headers))
    called = set()
    for source in sorted(here.glob("*.cu")):
        lines = expand(native, compiler, source)
        own = "\n".join(line for file, line in lines if Path(file) == source or file.endswith(".inc"))
        called |= set(re.findall(r"\b(\w+)\s*(?:<[^<>;]*>)?\s*\(", own))
    missing = sorted(defined - called)
    print(f"{len(defined)} functions, {len(missing)} of them in no source of {here.name}")
    for name in missing:
        print(name, file=sys.stderr)
    return 1 if missing or len(defined) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
