"""The link: agents dial in, prove themselves and become environments (docs/link.md)."""
