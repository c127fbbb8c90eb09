"""The formats between processes as commit 6b2581d wrote and read them, frozen.

Copies of its ``core/relay.py``, ``core/demand.py``, ``core/membership.py`` and of ``decode_hello``
of its ``gateway/link.py``. ``unit/core/test_formats.py`` holds today's formats against them in both
directions. Nobody edits these files; a release that drops support for this one deletes the folder.
"""
