"""Reading our own source: for tests that hold rules about it."""

from __future__ import annotations

import ast
import gc
from pathlib import Path


def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file.

    Without the collector: where it runs in the middle and what it frees runs code of its own, Python 3.11 loses count of the
    depth and says "AST constructor recursion depth mismatch" (seen once in 9,000 tests in random order).
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    finally:
        if collects:
            gc.enable()
