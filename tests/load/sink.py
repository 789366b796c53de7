"""A provider that stores nothing: `python -m tests.load.sink --port N` answers as Voximplant does and counts rows.

What is measured against it is not the provider's work: a megabyte costs it about a millisecond. `GET /seen` tells
what came: requests that brought contacts, rows, bytes.
"""

import argparse
import itertools
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

FILE = b'name="file_content"'
ACCOUNT = {"account_id": 1, "live_balance": 1000.0, "balance": 1000.0, "currency": "USD"}


class Sink(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.lock = threading.Lock()
        self.ids = itertools.count(1)
        self.seen = {"requests": 0, "rows": 0, "bytes": 0}

    def answer(self, method: str, query: dict[str, str], body: bytes) -> dict[str, Any]:
        match method:
            case "CreateCallList" | "AppendToCallList":
                return self._take(query, body)
            case "GetCallLists":
                lists = [{"list_id": int(query["list_id"]), "status": "In progress"}] if "list_id" in query else []
                return {"result": lists, "count": len(lists), "total_count": len(lists)}
            case "GetAccountInfo":
                return {"result": ACCOUNT}
            case _:
                return {"error": {"code": 3, "msg": f"The sink does not know {method}."}}

    def _take(self, query: dict[str, str], body: bytes) -> dict[str, Any]:
        """Count the lines of the file but its first; none is quoted over two lines in what is measured."""
        begin = body.index(b"\r\n\r\n", body.index(FILE)) + 4
        end = body.index(b"\r\n--", begin)
        rows = body.count(b"\n", begin, end) - body.endswith(b"\n", begin, end)
        with self.lock:
            list_id = int(query["list_id"]) if "list_id" in query else next(self.ids)
            self.seen["requests"] += 1
            self.seen["rows"] += rows
            self.seen["bytes"] += end - begin
        return {"result": True, "list_id": list_id, "count": rows, "batch_id": str(self.seen["requests"])}


class Handler(BaseHTTPRequestHandler):
    server: Sink
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def do_GET(self) -> None:
        self._say(self.server.seen)

    def do_POST(self) -> None:
        asked = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._say(self.server.answer(asked.path.rpartition("/")[2], query, body))

    def log_message(self, *_: object) -> None:
        """Nothing: printing would be measured."""

    def _say(self, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.load.sink")
    parser.add_argument("--port", type=int, required=True)
    Sink(parser.parse_args().port).serve_forever()


if __name__ == "__main__":
    main()
