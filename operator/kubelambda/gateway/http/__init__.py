"""HTTP/1.1 of the gateway's listeners, from bytes to complete requests and back.

Contract: knows nothing of functions; what a request asks for is decided by the applications in
``gateway.invoke`` and ``gateway.packages``. Limits on size, time and memory hold before an
application sees a request (F14, F15). One request is served at a time on each connection, and is
answered once; whatever is answered after that is dropped.

``connection`` joins the parts: ``request_reader`` reads, ``answer_writer`` and ``outbox`` write,
``client_connections`` counts.
"""
