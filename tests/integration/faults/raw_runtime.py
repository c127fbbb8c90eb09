"""Handed to functions of the tests as a module: speaks to the Runtime API in raw bytes.

A function's module that serves events by itself at import takes the place of its runtime.
"""

import os
import socket

PREFIX = "/2018-06-01/runtime/"


def dial() -> socket.socket:
    host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rpartition(":")
    return socket.create_connection((host, int(port)))


def read_answer(connection: socket.socket) -> tuple[str, bytes]:
    """Head and body of one answer; both empty if there is none."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65_536)
        if not piece:
            return "", b""
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    text = head.decode("latin-1")
    length = int(find(text, "content-length"))
    while len(body) < length:
        body += connection.recv(65_536)
    return text, body


def call(data: bytes) -> tuple[str, bytes]:
    """Send ``data`` on a connection of its own, say no more, and read the answer."""
    with dial() as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return read_answer(connection)
        except OSError:
            return "", b""  # it has closed, or reset what it would not read


def find(head: str, name: str) -> str:
    """The value of a header, whatever the case of its name."""
    for line in head.split("\r\n")[1:]:
        found, _, value = line.partition(": ")
        if found.lower() == name:
            return value
    return ""


def next_event() -> tuple[str, str, bytes]:
    """Request id, head and body of the next event."""
    with dial() as connection:
        connection.sendall(f"GET {PREFIX}invocation/next HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head, body = read_answer(connection)
        return find(head, "lambda-runtime-aws-request-id"), head, body


def encode_post(path: str, body: bytes, *headers: str) -> bytes:
    """A well-formed POST."""
    lines = [f"POST {PREFIX}{path} HTTP/1.1", "Host: x", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def respond(request_id: str, body: bytes) -> tuple[str, bytes]:
    """Post the result of an event."""
    return call(encode_post(f"invocation/{request_id}/response", body))
