"""Why local mode cannot start."""


class LocalModeError(Exception):
    """Local mode cannot start; the message says what to do."""
