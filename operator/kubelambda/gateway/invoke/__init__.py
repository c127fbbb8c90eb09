"""The Invoke operations, from HTTP request to answer, for clients and for our own processes."""
