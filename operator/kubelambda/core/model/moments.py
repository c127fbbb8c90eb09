"""Moments as Kubernetes' objects write them."""

from datetime import UTC, datetime


def format_moment(now_s: float) -> str:
    """A moment, in seconds since 1970, as conditions and metadata write it."""
    moment = datetime.fromtimestamp(now_s, UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
