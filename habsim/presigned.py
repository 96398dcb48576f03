"""The quick way to read a range: by an address signed once, without the client's work for each request.

A request takes 0.5 ms of the processor, the client's own 1.2 ms, and a cold ensemble makes some 180 of them.
Whatever is not exactly the bytes asked for counts as nothing: the client then asks, and says what is wrong.
"""

import time
from typing import Any

_LIFE = 3600  # s, of an address; its first half is used


class Presigned:
    """Addresses of the objects of `bucket`, signed by `client`; for threads of one process.

    `timeouts` (s) are for connecting and reading, `connections` how many are kept.
    """

    def __init__(self, client: Any, bucket: str, timeouts: tuple[float, float], connections: int) -> None:
        from botocore.httpsession import URLLib3Session
        from botocore.utils import get_environ_proxies

        self._client = client
        self._bucket = bucket
        self._session = URLLib3Session(
            proxies=get_environ_proxies(client.meta.endpoint_url),
            timeout=timeouts,
            max_pool_connections=connections,
        )
        self._addresses: dict[str, tuple[float, str]] = {}

    def read_range(self, key: str, first: int, end: int, etag: str) -> bytes | None:
        """Return the bytes from `first` to before `end` of the object that has the tag `etag`, or None."""
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError

        headers = {"Range": f"bytes={first}-{end - 1}", "If-Match": etag, "Accept-Encoding": "identity"}
        try:
            answer = self._session.send(AWSRequest("GET", self._address(key), headers=headers).prepare())
        except BotoCoreError:
            return None
        given = str(answer.headers.get("Content-Range")).partition("/")[0]
        content: bytes = answer.content
        if (
            answer.status_code == 206
            and given == f"bytes {first}-{end - 1}"
            and answer.headers.get("ETag") == etag
            and len(content) == end - first
        ):
            return content
        self._addresses.pop(key, None)
        return None

    def _address(self, key: str) -> str:
        made, address = self._addresses.get(key, (0.0, ""))
        if not address or not 0.0 <= time.time() - made < _LIFE / 2:
            if len(self._addresses) > 1000:
                self._addresses.clear()
            arguments = {"Bucket": self._bucket, "Key": key}
            address = self._client.generate_presigned_url("get_object", arguments, ExpiresIn=_LIFE)
            self._addresses[key] = time.time(), address
        return address
