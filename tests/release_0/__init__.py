"""The formats between processes as commit 6b2581d wrote and read them, frozen.

Copies of ``relay.py``, ``demand.py``, ``membership.py`` and ``package_lookup.py`` of its ``core``,
and of ``decode_hello`` of its ``gateway/link.py``. ``unit/core/wire/test_formats.py`` holds
today's formats against them in both directions. Nobody edits these files; a release that drops
support for this one deletes the folder.
"""
