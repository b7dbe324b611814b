#!/usr/bin/env python3
"""Everything one needs to run or check this project: `python3 dev.py --help`.

Needs Python 3.11 or newer and nothing else. The first task makes `.venv` in this folder and installs
into it; the system's Python is left alone.
"""

from __future__ import print_function

import sys

if sys.version_info < (3, 11):
    sys.exit("ibgw-tui needs Python 3.11 or newer; this is %s. Try: python3.11 dev.py" % sys.version.split()[0])

import argparse
import contextlib
import hashlib
import os
import shutil
import subprocess
import time

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "ibgw-stamp")
BIN = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
PYTHON = os.path.join(BIN, "python")

TASKS = {
    "demo": "open the terminal on a simulated market with three demo agents (--headless --json: play a fixed scene)",
    "test": "run every check: ruff, mypy, import contracts, tests (arguments after -- go to pytest)",
    "check": "run the checks without the tests",
    "coverage": "measure that the tests of the core reach every branch of it",
    "mutation": "put small faults into the core, one at a time, and see that a test fails (--module NAME, --sample N)",
    "bench": "measure everything, each beside a comparison in the same run (NAME ..., --quick, --json FILE)",
    "setup": "only make .venv and install into it",
    "screenshots": "make the pictures in screenshots/ anew",
}


def stamp():
    """What .venv was made from: another Python, pyproject or constraints make it anew."""
    made_from = hashlib.sha256(sys.version.encode())
    for name in ("pyproject.toml", "constraints.txt"):
        with open(os.path.join(ROOT, name), "rb") as file:
            made_from.update(file.read())
    return made_from.hexdigest()


def is_ready():
    try:
        with open(STAMP) as file:
            return file.read() == stamp() and os.path.exists(PYTHON)
    except OSError:
        return False


@contextlib.contextmanager
def only_one():
    """Two tasks started at once must not install into each other."""
    path = os.path.join(ROOT, ".venv.lock")
    with open(path, "w") as lock:
        try:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        except ImportError:
            pass
        yield


def setup():
    if is_ready():
        return
    with only_one():
        if is_ready():
            return
        began = time.monotonic()
        print("Making .venv and installing (once; 20 to 60 seconds) ...", file=sys.stderr)
        install(make_venv())
        with open(STAMP, "w") as file:
            file.write(stamp())
        print("Ready after %.0f s." % (time.monotonic() - began), file=sys.stderr)


def make_venv():
    """Make the environment; returns the command that installs into it."""
    uv = shutil.which("uv")
    if uv:
        if not os.path.exists(PYTHON):
            run([uv, "venv", "--quiet", "--python", sys.executable, VENV])
        return [uv, "pip", "install", "--quiet", "--python", PYTHON]
    has_ensurepip = subprocess.call([sys.executable, "-c", "import ensurepip"], stderr=subprocess.DEVNULL) == 0
    if not os.path.exists(PYTHON):
        run([sys.executable, "-m", "venv"] + ([] if has_ensurepip else ["--without-pip"]) + [VENV])
    if subprocess.call([PYTHON, "-c", "import pip"], stderr=subprocess.DEVNULL) == 0:
        return [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Debian without python3-venv: the system's pip can install into another Python's environment.
    return [sys.executable, "-m", "pip", "--python", PYTHON, "install", "--quiet", "--disable-pip-version-check"]


def install(installer):
    run([*installer, "--constraint", os.path.join(ROOT, "constraints.txt"), "--editable", ROOT + "[dev]"])


def run(command):
    """Run a step of the set-up, or end with what failed and what to do."""
    if subprocess.call(command, cwd=ROOT) != 0:
        sys.exit(
            "This step failed: %s\nIf it cannot reach a package index, check the network or the proxy; "
            "delete .venv to start anew." % " ".join(command)
        )


def checks():
    return [
        ("ruff", [tool("ruff"), "check", "."]),
        ("format", [tool("ruff"), "format", "--check", "."]),
        ("mypy", [PYTHON, "-m", "mypy"]),
        ("imports", [tool("lint-imports"), "--no-cache"]),
    ]


def coverage():
    measure = [PYTHON, "-m", "coverage"]
    return [
        ("tests", [*measure, "run", "--source=ibgw_tui/core", "-m", "pytest", "-q", "tests/core"]),
        ("branches", [*measure, "report", "--show-missing", "--skip-covered", "--fail-under=100"]),
    ]


def tool(name):
    return os.path.join(BIN, name)


def run_steps(steps):
    """Run all, also after a failure: one run says everything that is wrong."""
    results = []
    for name, command in steps:
        print("== %s" % name, flush=True)
        began = time.monotonic()
        code = subprocess.call(command, cwd=ROOT, env=dict(os.environ, PYTHONPATH=ROOT))
        results.append((name, code, time.monotonic() - began))
    print("\n== summary")
    for name, code, seconds in results:
        print("%-8s %-6s %6.1f s" % (name, "ok" if code == 0 else "FAILED", seconds))
    return 0 if all(code == 0 for _, code, _ in results) else 1


def main():
    listing = "\n".join("  %-12s %s" % pair for pair in TASKS.items())
    parser = argparse.ArgumentParser(
        prog="dev.py",
        description="Run or check ibgw-tui. Needs nothing but Python 3.11 and its pip.",
        epilog="tasks:\n%s\n\nexample: python3 dev.py demo --headless --json" % listing,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("task", choices=TASKS, metavar="task", help=", ".join(TASKS))
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="handed to the task")
    given = parser.parse_args()
    rest = [word for word in given.arguments if word != "--"]
    setup()
    if given.task == "demo":
        return subprocess.call([tool("ibgw"), "demo", *rest])
    if given.task == "screenshots":
        return subprocess.call([PYTHON, "-m", "tests.screenshots", *rest], cwd=ROOT)
    if given.task == "mutation":
        return subprocess.call([PYTHON, "-m", "tests.mutation", *rest], cwd=ROOT)
    if given.task == "bench":
        return subprocess.call([PYTHON, "-m", "bench", *rest], cwd=ROOT)
    if given.task == "check":
        return run_steps(checks())
    if given.task == "coverage":
        return run_steps(coverage())
    if given.task == "test":
        return run_steps([*checks(), ("tests", [PYTHON, "-m", "pytest", "-q", "-n", "2", *rest])])
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
