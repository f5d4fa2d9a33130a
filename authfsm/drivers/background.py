"""asyncio tasks that run to their end even if nobody awaits them, as long as their event loop runs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

RUNNING: Final[set[asyncio.Task[Any]]] = set()
"""The tasks that have not ended. They are kept here, because an event loop has only weak references to its tasks."""


def in_background(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Return a task for a coroutine. If nobody awaits it, its exception is dropped without a message."""
    task = asyncio.ensure_future(work)
    RUNNING.add(task)
    task.add_done_callback(_ended)
    return task


def _ended(task: asyncio.Task[Any]) -> None:
    RUNNING.discard(task)
    if not task.cancelled():
        task.exception()  # otherwise asyncio reports that nobody has retrieved it
