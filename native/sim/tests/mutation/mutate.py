# SPDX-License-Identifier: MIT
"""Removes every synchronisation call of every kernel in turn and asks the simulator's tests for it.

Each mutant is a copy of one source without one call. The objects that include the source are
compiled again with the build's own commands, linked with the rest of their test program, and the
program runs under a number of schedules. A mutant whose tests pass is a survivor: it must be listed
in redundant.json with the reason why the kernel is right without the call. Survivors that are not
listed, entries without a survivor, sources that no program covers and mutants that crash or hang
the simulator instead of being reported fail the run. So does a kernel that none of the tests named
ManySchedules runs, which the slow suite repeats under thousands of schedules.
"""

import argparse
import concurrent.futures
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import calls

HANG_SECONDS = 900
VERDICT = re.compile(r"^verdict: seed (\d+), (.+)$", re.M)
FAILED = re.compile(r"^\[  FAILED  \] ([\w/.]+)", re.M)


class RunError(Exception):
    """Something other than a mutant is wrong."""


@dataclass
class Program:
    """A test program, its link command, and for each of its kernel objects the sources in it."""

    path: str
    link: list
    objects: dict


@dataclass
class Mutant:
    name: str
    source: str  # below native/
    call: calls.Call
    program: Program


@dataclass
class Verdict:
    """How a mutant was given away; kind is None for a survivor, and failure says what else went wrong."""

    kind: str | None = None
    seed: int = 0
    test: str = ""
    failure: str = ""


class Build:
    """The CMake build that mutants are made of."""

    def __init__(self, folder, ninja):
        self.folder, self.ninja = folder, ninja

    def ask(self, *arguments):
        return subprocess.run(
            [self.ninja, *arguments], cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout

    def command(self, target):
        """The last command that makes a target, in words."""
        words = shlex.split(self.ask("-t", "commands", "-s", target))
        return [w for w in words if w not in (":", "&&")]

    def program(self, path):
        link = self.command(path)
        objects = {}
        for word in link:
            if re.search(r"_kernels\.dir/.*\.o$", word):
                lines = self.ask("-t", "deps", word).splitlines()
                objects[word] = {line.strip() for line in lines if line.startswith("    ")}
        if not objects:
            raise RunError(f"{path}: there are no kernels in it")
        return Program(path, link, objects)


class Runner:
    def __init__(self, build, native, work, seeds):
        self.build, self.native, self.work, self.seeds = build, native, work, seeds

    def judge(self, mutant):
        folder = self.work / mutant.name
        try:
            return self.run(self.link(mutant, folder))
        except RunError as error:
            return Verdict(failure=str(error))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def link(self, mutant, folder):
        source = self.native / mutant.source
        copy = folder / "source" / mutant.source
        copy.parent.mkdir(parents=True)
        copy.write_text(calls.without(source.read_text(), mutant.call))
        program = folder / "program"
        link = replace_after(mutant.program.link, "-o", str(program))
        for i, (name, sources) in enumerate(mutant.program.objects.items()):
            if str(source) in sources:
                made = folder / f"{i}.o"
                self.compile(name, copy, made)
                link = [str(made) if word == name else word for word in link]
        self.execute(link)
        return program

    def compile(self, name, copy, made):
        words, kept = self.build.command(name), []
        at = 0
        while at < len(words):
            if words[at] in ("-MT", "-MF"):
                at += 1
            elif words[at] not in ("-MD", "-Werror"):
                kept.append(words[at])
            at += 1
        depfile = made.with_suffix(".d")
        root = str(copy)[: -len(str(copy.relative_to(made.parent / "source")))]
        kept[1:1] = ["-w", "-MD", "-MF", str(depfile), "-I", root]
        kept += ["-include", str(Path(__file__).with_name("relaxed.cuh"))]
        self.execute(replace_after(kept, "-o", str(made)))
        if str(copy) not in depfile.read_text().replace("\\\n", " ").split():
            raise RunError(f"{name} was compiled without the mutant")

    def execute(self, command):
        done = subprocess.run(command, cwd=self.build.folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise RunError(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")

    def uncounted(self, program):
        """How many kernels of a program its tests named ManySchedules leave out."""
        symbols = subprocess.run(["nm", program], check=True, capture_output=True, text=True).stdout
        kernels = re.findall(r"^\S+ [A-Z] di_sim_kernel_\w+$", symbols, re.M)
        log = self.work / "launches"
        environment = dict(os.environ, DEEPINFRA_SIM_SEEDS="1", DEEPINFRA_CUDASIM_LAUNCHES=str(log))
        subprocess.run(
            [program, "--gtest_filter=*ManySchedules*"], env=environment, check=True, capture_output=True
        )
        launched = {line.split("\t")[1] for line in log.read_text().splitlines()}
        log.unlink()
        return len(kernels) - len(launched)

    def run(self, program):
        environment = dict(os.environ, DEEPINFRA_SIM_SEEDS=str(self.seeds), DEEPINFRA_CUDASIM_NO_ADDR2LINE="1")
        with subprocess.Popen(
            [program, "--gtest_fail_fast", "--gtest_color=no"],
            cwd=self.build.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            try:
                output, _ = process.communicate(timeout=HANG_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                return Verdict(failure=f"no end within {HANG_SECONDS} s")
        if process.returncode == 0:
            return Verdict()
        verdict, test = VERDICT.search(output), FAILED.search(output)
        if process.returncode < 0:
            return Verdict(failure=f"the simulator died of {signal.Signals(-process.returncode).name}")
        if verdict is None or test is None:
            return Verdict(failure=f"exit code {process.returncode} without a verdict\n{output[-2000:]}")
        return Verdict(verdict.group(2), int(verdict.group(1)), test.group(1))


def replace_after(words, option, value):
    words = list(words)
    words[words.index(option) + 1] = value
    return words


def kernel_sources(native):
    """Device code of products: all of it but the simulator's, the tests' and common/."""
    for path in sorted(native.glob("**/*.cu*")):
        parts = path.relative_to(native).parts
        if path.suffix in (".cu", ".cuh") and parts[0] not in ("sim", "common") and "tests" not in parts:
            yield path.relative_to(native).as_posix(), path


def find_mutants(native, programs):
    """All mutants, and what is wrong with the sources."""
    mutants, problems = [], []
    for header in sorted((native / "common/ptx").glob("*.cuh")):
        for name in calls.unclassified(header.read_text()):
            problems.append(f"common/ptx/{header.name}: calls.py does not say whether {name} synchronises")
    for source, path in kernel_sources(native):
        try:
            found = calls.find_calls(path.read_text())
        except calls.SourceError as error:
            problems.append(f"{source}: {error}")
            continue
        users = [p for p in programs if any(str(path) in sources for sources in p.objects.values())]
        if found and not users:
            problems.append(f"{source}: no test program runs it on the simulator")
        elif found:
            mutants += [Mutant(f"{len(mutants) + i}", source, call, users[0]) for i, call in enumerate(found)]
    return mutants, problems


def read_redundant(path):
    """Reasons by source, function, call and ordinal."""
    reasons = {}
    for entry in json.loads(path.read_text()):
        key = entry["source"], entry["function"], entry["call"], entry["ordinal"]
        if key in reasons or not entry["reason"].strip():
            raise RunError(f"{path.name}: {key} is listed twice or without a reason")
        reasons[key] = entry["reason"]
    return reasons


def compare(results, reasons):
    """Rows of the table and problems, from verdicts by mutant."""
    rows, problems, unused = [], [], dict(reasons)
    for mutant, verdict in results:
        key = mutant.source, *mutant.call.key
        reason = unused.pop(key, None)
        place = f"{mutant.source}:{mutant.call.line}: {mutant.call.text} in {mutant.call.function}"
        if verdict.failure:
            problems.append(f"{place}: {verdict.failure}")
            outcome = "**failure**", "", ""
        elif verdict.kind is not None:
            outcome = verdict.kind, str(verdict.seed), verdict.test
            if reason is not None:
                problems.append(f"{place}: listed as redundant, but reported ({verdict.kind})")
        elif reason is None:
            problems.append(f"{place}: nothing reports its removal, and it is not listed as redundant")
            outcome = "**survives**", "", ""
        else:
            outcome = f"redundant: {reason}", "", ""
        ordinal = f" ({mutant.call.ordinal})" if mutant.call.ordinal > 1 else ""
        rows.append((mutant.source, mutant.call.function, f"`{mutant.call.text}`{ordinal}", *outcome))
    problems += [f"redundant.json: there is no call for {' '.join(map(str, key))}" for key in unused]
    return rows, problems


def write_report(path, rows, seeds):
    redundant = sum(row[3].startswith("redundant") for row in rows)
    bad = sum(row[3].startswith("**") for row in rows)
    lines = [
        "# Removed synchronisation",
        "",
        f"Every synchronisation call of the kernels removed in turn, {seeds} schedules per test: {len(rows)} mutants,",
        f"{len(rows) - redundant - bad} reported, {redundant} redundant, {bad} not accounted for. The schedule is the first one of the",
        "test named that gives the mutant away.",
        "",
        "| Source | Function | Call | Verdict | Schedule | Test |",
        "| --- | --- | --- | --- | ---: | --- |",
    ]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True, help="the CMake build folder")
    parser.add_argument("--ninja", default="ninja")
    parser.add_argument("--report", type=Path, required=True, help="the table to write")
    parser.add_argument("--work", type=Path, required=True, help="a folder for mutants; emptied")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="leave out sources whose names lack this part")
    parser.add_argument("programs", nargs="+", help="test programs below the build folder")
    options = parser.parse_args()

    here = Path(__file__).resolve().parent
    native = here.parents[2]
    build = Build(options.build.resolve(), options.ninja)
    shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True)
    runner = Runner(build, native, options.work.resolve(), options.seeds)
    programs = [build.program(path) for path in options.programs]
    for program in programs:
        if (verdict := runner.run(build.folder / program.path)) != Verdict():
            raise RunError(f"{program.path} fails without a mutant: {verdict}")
    mutants, problems = find_mutants(native, programs)
    for program in programs:
        if missing := runner.uncounted(build.folder / program.path):
            problems.append(f"{program.path}: {missing} kernels run in no test named ManySchedules")
    reasons = read_redundant(here / "redundant.json")
    if options.only:
        mutants = [m for m in mutants if options.only in m.source]
        reasons = {key: reason for key, reason in reasons.items() if options.only in key[0]}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = list(zip(mutants, pool.map(runner.judge, mutants)))
    shutil.rmtree(options.work, ignore_errors=True)
    rows, more = compare(results, reasons)
    problems += more
    write_report(options.report, rows, options.seeds)
    for problem in problems:
        print(f"mutation: {problem}", file=sys.stderr)
    print(f"mutation: {len(rows)} mutants, {len(problems)} problems, see {options.report}")
    return 1 if problems or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
