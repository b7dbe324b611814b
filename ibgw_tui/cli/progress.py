"""A progress bar on stderr, for a person who watches a terminal; for everybody else nothing at all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ibgw_tui.cli.output import Console

Progress = Callable[[str, int, int], None]
"""(what is being done, how much of it is done, how much there is)"""


@contextmanager
def progress_bar(console: Console) -> Iterator[Progress | None]:
    """None where nobody watches. The bar goes away when the work is done."""
    if console.quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console as Terminal
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Terminal(stderr=True), transient=True) as bars:
        tasks: dict[str, object] = {}

        def tell(words: str, done: int, total: int) -> None:
            if words not in tasks:
                tasks[words] = bars.add_task(words, total=total)
            bars.update(tasks[words], completed=done, total=total)  # type: ignore[arg-type]

        yield tell
