"""A folder served by the protocol of S3, each answer late by a fixed delay: as far away as a real service.

    python scripts/bench_s3.py FOLDER PORT SECONDS

It lists, tells of and sends objects, by range if asked, and refuses other versions.  Nobody has to sign.  Of
what it was asked for it keeps count, and says so at `/counts`: requests, and bytes of objects.
"""

import asyncio
import os
import sys
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

_CHUNK = 1 << 20  # bytes


class Service:
    """The objects of `folder`, in a bucket of any name."""

    def __init__(self, folder: Path, delay: float) -> None:
        self._folder = folder
        self._delay = delay
        self._requests = self._bytes = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
                }
                method, target, _ = request.split(" ")
                if target == "/counts":
                    await _send(writer, 200, {}, f"{self._requests} {self._bytes}".encode())
                    continue
                due = asyncio.get_running_loop().time() + self._delay
                self._requests += 1
                await self._answer(writer, method, target, headers, due)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, writer: asyncio.StreamWriter, method: str, target: str, headers: dict[str, str], due: float
    ) -> None:
        url = urlsplit(target)
        _, bucket, *names = unquote(url.path).split("/")
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        name = "/".join(names)
        path = self._folder / name
        if not name:
            prefix = parse_qs(url.query).get("prefix", [""])[0]
            await _send(writer, 200, {"Content-Type": "application/xml"}, self._listing(bucket, prefix))
        elif not path.is_file():
            await _send(writer, 404, {}, b"")
        elif headers.get("if-match", _tag(path)) != _tag(path):
            await _send(writer, 412, {}, b"")
        else:
            await self._send_object(writer, method, path, headers.get("range"))

    async def _send_object(
        self, writer: asyncio.StreamWriter, method: str, path: Path, asked: str | None
    ) -> None:
        size = path.stat().st_size
        first, end, status, told = 0, size, 200, {"ETag": _tag(path)}
        if asked is not None:
            low, _, high = asked.removeprefix("bytes=").partition("-")
            first, end, status = int(low), min(int(high) + 1, size), 206
            told["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
        writer.write(_head(status, told, end - first))
        if method == "GET":
            self._bytes += end - first
            descriptor = os.open(path, os.O_RDONLY)
            try:
                for at in range(first, end, _CHUNK):
                    writer.write(os.pread(descriptor, min(_CHUNK, end - at), at))
                    await writer.drain()
            finally:
                os.close(descriptor)

    def _listing(self, bucket: str, prefix: str) -> bytes:
        found = "".join(
            f"<Contents><Key>{path.name}</Key><ETag>{_tag(path)}</ETag><Size>{path.stat().st_size}</Size></Contents>"
            for path in sorted(self._folder.iterdir())
            if path.name.startswith(prefix)
        )
        return (
            f"<ListBucketResult><Name>{bucket}</Name><IsTruncated>false</IsTruncated>{found}</ListBucketResult>"
        ).encode()


def _tag(path: Path) -> str:
    return f'"{path.stat().st_mtime_ns:x}"'


def _head(status: int, headers: dict[str, str], length: int) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} .\r\n{lines}Content-Length: {length}\r\n\r\n".encode()


async def _send(writer: asyncio.StreamWriter, status: int, headers: dict[str, str], body: bytes) -> None:
    writer.write(_head(status, headers, len(body)) + body)
    await writer.drain()


async def main() -> None:
    """Serve until killed."""
    folder, port, delay = sys.argv[1:]
    service = Service(Path(folder), float(delay))
    server = await asyncio.start_server(service.connected, "127.0.0.1", int(port))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
