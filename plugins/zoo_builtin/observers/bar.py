"""The progress bar of a run, for terminals."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console as Terminal
from rich.console import ConsoleOptions, RenderableType, RenderResult
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
)
from rich.table import Column, Table
from rich.text import Text

from zoo.authoring import on_one_line

if TYPE_CHECKING:
    from zoo.contracts import RunInfo

LONGEST_PHASE = len("evaluating")
ROOM_FOR_ECHO = 4  # columns; "^C" at the very end would begin a line that is never drawn over


class Bar:
    """A progress bar at the bottom of a terminal, gone when the run ends.

    In a narrow terminal the bar itself gives way first, then the end of the status.
    """

    def __init__(self, run: RunInfo) -> None:
        count_width = len(f"{run.total_steps}/{run.total_steps}")
        self._progress = Line(
            SpinnerColumn(table_column=Column(no_wrap=True, min_width=1)),
            TextColumn(
                "{task.description}",
                markup=False,
                table_column=Column(no_wrap=True, min_width=LONGEST_PHASE),
            ),
            BarColumn(bar_width=None, table_column=Column(ratio=1)),
            MofNCompleteColumn(table_column=Column(no_wrap=True, min_width=count_width)),
            Status(table_column=Column(overflow="ellipsis")),
            console=Terminal(stderr=True),
            expand=True,
            transient=True,
            # What is printed on the same terminal goes above the bar; a file stays a file.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._task = self._progress.add_task(
            "training", total=run.total_steps, completed=run.start_step, status=""
        )

    def start(self) -> None:
        atexit.register(self.stop)  # shows the cursor again after a run that can't tell its end
        self._progress.start()

    def show(self, phase: str, step: int, status: str) -> None:
        self._progress.update(self._task, description=phase, completed=step, status=status)

    def say(self, line: str) -> None:
        line = on_one_line(line)
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        atexit.unregister(self.stop)
        self._progress.stop()


class Line(Progress):
    """Leaves room at the right end for what the terminal writes there when Ctrl-C is pressed."""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield Narrowed(self.make_tasks_table(self.tasks))


@dataclass
class Narrowed:
    table: Table

    def __rich_console__(self, console: Terminal, options: ConsoleOptions) -> RenderResult:
        yield from console.render(
            self.table, options.update_width(max(1, options.max_width - ROOM_FOR_ECHO))
        )


class Status(ProgressColumn):
    """The status on one line, cut where there is no room."""

    def render(self, task: Task) -> Text:
        return Text(task.fields["status"], no_wrap=True, overflow="ellipsis")
