"""Packages over HTTP: uploads, downloads by agents, and what this gateway keeps of them."""
