"""A receiver of OTLP over HTTP, with the messages of the `opentelemetry-proto` package: keeps spans, forwards nothing."""

import gzip
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.proto.trace.v1.trace_pb2 import Status


@dataclass
class Span:
    trace: str
    id: str
    parent: str
    name: str
    kind: str
    failed: bool
    message: str
    attributes: dict
    events: int

    @classmethod
    def of(cls, sent: Message) -> "Span":
        attributes = {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in sent.attributes}
        kind = Message.SpanKind.Name(sent.kind).removeprefix("SPAN_KIND_")
        return cls(sent.trace_id.hex(), sent.span_id.hex(), sent.parent_span_id.hex(), sent.name, kind,
                   sent.status.code == Status.STATUS_CODE_ERROR, sent.status.message, attributes, len(sent.events))


class Receiver:
    """Listens on a free loopback port until it is stopped."""

    def __init__(self):
        self.spans: list[Span] = []
        self.resources: list[dict] = []
        self.raw = b""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if self.path != "/v1/traces" or self.headers["Content-Type"] != "application/x-protobuf":
                    self.send_error(404)
                    return
                receiver.keep(body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def keep(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        self.raw += body
        for resource in request.resource_spans:
            self.resources.append({one.key: one.value.string_value for one in resource.resource.attributes})
            for scope in resource.scope_spans:
                self.spans.extend(map(Span.of, scope.spans))

    def trace(self, trace: str, last: str) -> list[Span]:
        """The spans of a trace, once the one called `last` is there: a SERVER span comes after all below it."""
        deadline = time.monotonic() + 30
        while not any(span.trace == trace and span.name == last for span in list(self.spans)):
            assert time.monotonic() < deadline, [(span.trace, span.name) for span in self.spans]
            time.sleep(0.05)
        return [span for span in list(self.spans) if span.trace == trace]

    def stop(self) -> None:
        self.server.shutdown()
