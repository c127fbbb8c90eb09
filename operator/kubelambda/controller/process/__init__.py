"""The controller as a process: leadership, assembly, the queue of keys, and the workers.

Contract: the top layer of the controller, imported by ``main`` alone. One process at a time leads;
what runs only then, and in which order it starts and ends, is in ``leader``. How the parts are
connected is in ``assembly``. Decisions about functions belong in the layers below.
"""
