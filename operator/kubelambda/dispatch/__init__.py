"""Asynchronous invocations: lease an event, invoke its function through a gateway, settle.

Contract: acknowledges no event before what follows from it is durable. What follows from a run is
decided in ``core.asynchronous.settle``, how many events of a function run at once in
``core.asynchronous.lanes``; the queue is a driver in ``stores``.
"""
