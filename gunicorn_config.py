"""How Gunicorn serves: numbers, logging, hooks.

Many cheap threads, because waiting requests hold one each; requests that fly are short.
"""

import json
import os
import shutil
from contextlib import suppress
from typing import Any

from gunicorn import util
from gunicorn.http import message
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import ThreadWorker

import app
from habsim import kernel, kernelcache, logs, metrics


class Worker(ThreadWorker):  # type: ignore[misc]  # Gunicorn has no types
    """Gunicorn's threaded worker, its refusals as JSON and without a linger on its main thread.

    Since Gunicorn 26 a connection's end waits up to 2 s for the client's on the thread that accepts.
    """

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Close without waiting for the client."""
        conn.close = lambda graceful=False: util.close(conn.sock)
        super().finish_request(conn, fs)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what is no proper HTTP in JSON, like every other error."""
        status, sentence = "500 Internal Server Error", "the server made a mistake: it is logged"
        if isinstance(exc, ParseException):
            status, sentence = "400 Bad Request", f"this is not a proper HTTP request: {exc}"
        self.log.warning("%s: %s", status, exc)
        body = json.dumps({"error": sentence}).encode()
        head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        with suppress(OSError):
            client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            # Bytes left unread would reset the connection and take the answer with them.
            util.close_graceful(client, max_drain=1 << 20)


bind = f"0.0.0.0:{os.environ.get('PORT') or 8000}"
workers = int(os.environ.get("WEB_CONCURRENCY") or 4)
worker_class = Worker
threads = 64
worker_connections = 80
timeout = 900
graceful_timeout = 620
preload_app = True
control_socket_disable = True
# An overlong parameter is for the application to refuse; Gunicorn's own ceiling is 8190 bytes.
message.MAX_REQUEST_LINE = limit_request_line = 1 << 16
accesslog = None
# Which proxies to believe is for HABSIM_PROXIES to say.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
logconfig_dict = logs.configuration(os.environ.get("HABSIM_LOG_FORMAT") or "text")
# Set before the application is loaded, which is before `on_starting`.
raw_env = [f"{metrics.VARIABLE}={metrics.folder()}"]


def on_starting(server: Any) -> None:
    """Compile the kernel before the workers are forked, so that they share it."""
    kernelcache.keep_in(server.app.wsgi().extensions["habsim.settings"].data_dir / "kernels")
    kernel.warm_up()


def post_fork(server: Any, worker: Any) -> None:
    """Number the worker in its log lines."""
    logs.Formatter.worker = worker.age


def post_worker_init(worker: Any) -> None:
    """Let streams end with the worker, and follow the store from a thread."""
    worker.wsgi.extensions["habsim.streams"].alive = lambda: worker.alive
    app.start_watching(worker.wsgi)


def child_exit(server: Any, worker: Any) -> None:
    """Tell no more what an ended worker was at."""
    metrics.bury(worker.pid)


def on_exit(server: Any) -> None:
    """Forget the figures."""
    shutil.rmtree(metrics.folder(), ignore_errors=True)
