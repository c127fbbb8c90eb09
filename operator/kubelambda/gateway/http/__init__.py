"""HTTP/1.1 of the gateway's listeners, from bytes to complete requests and back.

Contract: knows nothing of functions. Limits on size, time and memory hold before an application
sees a request (F14, F15).
"""
