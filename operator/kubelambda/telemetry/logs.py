"""The log of a process role: one line of JSON for each record, on standard error.

Contract: called once by a role's entry point. Never sees a payload, an environment value or a key;
callers log names and reasons only.
"""

import json
import logging
import sys
from datetime import UTC, datetime

_QUIET_LOGGERS = ("aiohttp.access", "kopf.activities", "kopf.objects", "kubernetes", "urllib3")


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object; a traceback becomes its last member."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for ``record``."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def configure_logging(level: str) -> None:
    """Send every record from ``level`` upwards to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
