"""Whose cancellation a CancelledError is."""

import asyncio


def is_ending() -> bool:
    """Whether the present task was cancelled itself, and not merely something that it awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
