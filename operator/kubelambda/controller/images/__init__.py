"""Images of functions: from the name in a spec to a digest and a command.

Contract: the only room that talks to registries, and to none that the installation does not allow.
"""
