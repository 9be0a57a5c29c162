"""Run in a network of its own: a name that is public at first and private then, with real sockets on port 80.

Prints JSON: what a fetch of it came to, and how often each address was connected to.
"""

import json
import socket
import subprocess
import sys
import threading
from collections import Counter

from curation.fetch import Fetcher, FetchRules
from curation.stage import Drop

PUBLIC, PRIVATE, METADATA, LOOPBACK = "93.184.216.34", "10.0.0.1", "169.254.169.254", "127.0.0.1"
JPEG = b"\xff\xd8picture"


def serve(address: str, num_connections: Counter[str]) -> None:
    """Answers everything with a picture, but for the site's own files, and closes each connection."""
    listener = socket.create_server((address, 80))
    while True:
        connection, _ = listener.accept()
        with connection:
            asked = connection.recv(4096)
            if not asked:  # it only looked whether somebody is here
                continue
            num_connections[address] += 1
            is_picture = b".jpg" in asked
            head = b"200 OK\r\nContent-Type: image/jpeg" if is_picture else b"404 No"
            body = JPEG if is_picture else b""
            connection.sendall(
                b"HTTP/1.1 %b\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (head, len(body)) + body
            )


def outcome(answers: list[list[str]]) -> str:
    """What a fetch comes to where the name server gives these answers in turn, the last one for good."""

    def resolve(host: str, port: int) -> list[str]:  # noqa: ARG001
        return answers.pop(0) if len(answers) > 1 else answers[0]

    rules = FetchRules(contact="curators@faces.example.org", min_delay_s=0.0, timeout_s=3.0)
    with Fetcher(rules, resolve=resolve) as fetcher:
        found = fetcher.fetch("http://pictures.example/a.jpg")
    return f"{found.reason}: {found.detail}" if isinstance(found, Drop) else "fetched"


def main() -> None:
    for command in ("link set lo up", *(f"addr add {one}/32 dev lo" for one in (PUBLIC, PRIVATE, METADATA))):
        subprocess.run(["ip", *command.split()], check=True)
    num_connections: Counter[str] = Counter()
    for address in (PUBLIC, PRIVATE, METADATA, LOOPBACK):
        threading.Thread(target=serve, args=(address, num_connections), daemon=True).start()
        while True:
            try:
                socket.create_connection((address, 80), timeout=1).close()
                break
            except ConnectionRefusedError:
                continue
    found = {"steady": outcome([[PUBLIC]])}
    for private in (PRIVATE, METADATA, LOOPBACK):
        for num_public in range(3):
            found[f"{private} after {num_public}"] = outcome([[PUBLIC]] * num_public + [[private]])
        found[f"{private} beside"] = outcome([[PUBLIC, private]])
    sys.stdout.write(json.dumps({"outcomes": found, "connections": num_connections}))


if __name__ == "__main__":
    main()
