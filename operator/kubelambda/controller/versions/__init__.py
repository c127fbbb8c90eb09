"""LambdaVersions and LambdaAliases: publishing, whose they are, and their status.

Contract: what a published version runs on is ``function``'s, which serves it like any function;
what may be published and what an alias means is decided in ``judge``.
"""
