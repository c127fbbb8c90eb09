"""Takes the place of the runtime's client at import: speaks the Runtime API byte by byte."""

import http.client
import json
import os
import socket
import time
from urllib.parse import urlsplit

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
BASE = "/2018-06-01/runtime/invocation"


def call(method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(API)
    connection.request(method, BASE + path, body, headers or {})
    answer = connection.getresponse()
    result = answer.status, answer.read(), dict(answer.getheaders())
    connection.close()
    return result


def respond(request, value):
    return call("POST", f"/{request}/response", json.dumps(value))


def note(answer):
    status, body, _ = answer
    RECORD.append([status, json.loads(body)])


def send_raw(text):
    """A request as it stands here; the first line of the answer."""
    host, port = API.split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(text.encode())
        return connection.recv(4096).decode().split("\r\n")[0]


def wait_at_gate(event):
    """Until the test has seen what it was to see (gate.py); not at all if it names no gate."""
    if "gate" in event:
        gate = http.client.HTTPConnection(urlsplit(event["gate"]).netloc)
        gate.request("GET", "/")
        gate.getresponse().read()


def stream(request, event):
    """A streamed response: chunks, a gate after the first and a pause after each, then trailers,
    or nothing at all.
    """
    host, port = API.split(":")
    head = (
        f"POST {BASE}/{request}/response HTTP/1.1\r\nHost: {API}\r\n"
        "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
        "Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n"
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode())
        for number, chunk in enumerate(event.get("chunks", [])):
            connection.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk.encode()))
            if number == 0:
                wait_at_gate(event)
            time.sleep(event.get("pause", 0))
        piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        for _ in range(event.get("megabytes", 0) * 16):
            connection.sendall(piece)
        if event.get("cut"):
            return
        trailers = "".join(
            f"{name}: {value}\r\n" for name, value in event.get("trailers", {}).items()
        )
        connection.sendall(f"0\r\n{trailers}\r\n".encode())
        connection.recv(4096)


def serve(request, event, headers):
    act = event["act"]
    if act == "headers":
        respond(request, headers)
    elif act == "pid":
        respond(request, os.getpid())
    elif act == "long error header":
        cause = json.dumps({"working_directory": "x" * (2**20 - 100)})
        more = {
            "Lambda-Runtime-Function-Error-Type": "Function.Long",
            "Lambda-Runtime-Function-XRay-Error-Cause": cause,
        }
        note(call("POST", f"/{request}/error", '{"errorMessage":"long"}', more))
    elif act == "trailers":
        head = (
            f"POST {BASE}/{request}/response HTTP/1.1\r\nHost: {API}\r\n"
            "Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n"
            "Trailer: Lambda-Runtime-Function-Error-Type\r\n"
            "Trailer: Lambda-Runtime-Function-Error-Body\r\n\r\n"
        )
        RECORD.append(send_raw(head + '8\r\n"chunks"\r\n0\r\n\r\n'))
    elif act == "linger":
        respond(request, "answered")
        wait_at_gate(event)
    elif act == "answer twice":
        respond(request, "first")
        note(respond(request, "second"))
        note(respond("11111111-2222-4333-8444-555555555555", "other"))
    elif act == "ask again":
        _, body, again = call("GET", "/next")
        same = again["Lambda-Runtime-Aws-Request-Id"] == request
        respond(request, {"same": same, "event": json.loads(body)})
    elif act == "recorded":
        respond(request, RECORD)
    elif act == "stream":
        stream(request, event)
    elif act == "bad mode":
        more = {"Lambda-Runtime-Function-Response-Mode": "sideways"}
        note(call("POST", f"/{request}/response", "1", more))


RECORD = []
while True:
    _, body, headers = call("GET", "/next")
    serve(headers["Lambda-Runtime-Aws-Request-Id"], json.loads(body), headers)
