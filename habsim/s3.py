"""An S3 service: a client made from the settings alone, and what its failures mean.

Neither the machine's AWS files nor its roles are consulted; without keys, requests are not signed.  Nothing
is imported or opened before it is needed.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from habsim.errors import ChangedError, SettingsError, StoreError
from habsim.settings import S3Settings

CONNECT_TIMEOUT = 5.0  # s
CONNECTIONS = 32  # kept open by a process

_KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_NO_BUCKET = "does not exist: create the bucket, or correct S3_BUCKET_NAME or HABSIM_STORE"
_ELSEWHERE = "is in another region: correct AWS_REGION"
_REFUSALS: dict[str | int, str] = {  # by code, else by status: all that the answer to a HEAD has
    "NoSuchBucket": _NO_BUCKET,
    "RequestTimeTooSkewed": "does not believe the clock of this machine: set it",
    "AuthorizationHeaderMalformed": _ELSEWHERE,
    301: _ELSEWHERE,
    307: _ELSEWHERE,
}
_CHANGES = {
    412: "has another {name} than a moment ago: ask again",
    416: "has a shorter {name} than a moment ago: ask again",
}


class AbsentError(StoreError):
    """There is no such object."""


def address(settings: S3Settings) -> str:
    """Return a store's address, for people: bucket, prefix and the service's host; nothing secret.

    Raises `SettingsError` for settings that cannot be right.
    """
    keys = [key for key in (settings.access_key, settings.secret_key) if key is not None]
    if len(keys) == 1:
        raise SettingsError(f"set both {_KEYS}, or neither")
    if any(not key.isascii() or key.split() != [key] for key in keys):
        raise SettingsError(f"{_KEYS} hold blanks or accents: copy them again")
    if not re.fullmatch(r"[\w.-]{3,63}", settings.bucket, re.ASCII):
        raise SettingsError(
            f"no bucket is called {settings.bucket!r}: correct S3_BUCKET_NAME or HABSIM_STORE"
        )
    if not re.fullmatch(r"[a-zA-Z0-9-]{1,63}", settings.region):
        raise SettingsError(f"no region is called {settings.region!r}: correct AWS_REGION")
    path = f"{settings.bucket}/{settings.prefix}" if settings.prefix else settings.bucket
    return f"s3://{path}" if settings.endpoint is None else f"s3://{path} at {_host(settings.endpoint)}"


def _host(endpoint: str) -> str:
    try:
        parts = urlsplit(endpoint)
        port = "" if parts.port is None else f":{parts.port}"
        sound = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    except ValueError:
        sound = None
    if not sound:
        raise SettingsError("S3_ENDPOINT_URL must be http(s)://host or http(s)://host:port")
    return f"{parts.hostname}{port}"


def connect(settings: S3Settings, tries: int, timeout: float) -> Any:
    """Return a client for threads of one process, which makes each request at most `tries` times.

    `timeout` (s) is how long it waits for a silent service.
    """
    import boto3
    import botocore.session
    from botocore import UNSIGNED
    from botocore.config import Config

    # Services other than Amazon's may know neither its later checksums nor buckets as names of hosts.
    compatible = {
        "s3": {"addressing_style": "path"},
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
    config = Config(
        signature_version=UNSIGNED if settings.access_key is None else "s3v4",
        retries={"mode": "standard", "total_max_attempts": tries},
        connect_timeout=min(CONNECT_TIMEOUT, timeout),
        read_timeout=timeout,
        max_pool_connections=CONNECTIONS,
        ignore_configured_endpoint_urls=True,
        **({} if settings.endpoint is None else compatible),
    )
    no_files = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    session = boto3.session.Session(botocore_session=botocore.session.Session(session_vars=no_files))
    return session.client(
        "s3",
        region_name=settings.region,
        endpoint_url=settings.endpoint,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
        config=config,
    )


@contextmanager
def translated(settings: S3Settings, name: str) -> Iterator[None]:
    """Raise what a client says about object `name` as a `StoreError` that tells what to mend."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        raise _refusal(error, settings, name) from error
    except BotoCoreError as error:
        raise StoreError(f"the store {address(settings)} {_silence(error, settings)}") from error
    except (ResponseParserError, ValueError) as error:  # what the client raises on other XML than S3's
        raise StoreError(not_s3(settings)) from error


def not_s3(settings: S3Settings) -> str:
    """Return what to say of a service whose answers are not those of S3."""
    return f"the store {address(settings)} does not answer as S3 does: correct S3_ENDPOINT_URL"


def _refusal(error: Any, settings: S3Settings, name: str) -> StoreError:
    """Return what it means that a service answered with `error`."""
    status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    code = error.response["Error"]["Code"] or str(status)
    store = f"the store {address(settings)}"
    known = _REFUSALS.get(code) or _REFUSALS.get(status)
    if known is not None:
        return StoreError(f"{store} {known}")
    if status in _CHANGES:
        return ChangedError(f"{store} {_CHANGES[status].format(name=name)}")
    if status == 404 and error.operation_name in ("HeadBucket", "ListObjectsV2"):
        return StoreError(f"{store} {_NO_BUCKET}")
    if status == 404:
        return AbsentError(f"{store} has no {name}")
    if status not in (401, 403):
        return StoreError(f"{store} failed ({code}): ask again later, or {_advice(settings)}")
    if settings.access_key is None:
        return StoreError(f"{store} wants keys ({code}): set {_KEYS}, or let everyone read and list it")
    return StoreError(f"{store} refuses these keys ({code}): correct {_KEYS}, or let them read and list it")


def _silence(error: Exception, settings: S3Settings) -> str:
    """Return what it means that a service did not answer but the client raised `error`."""
    from botocore.exceptions import ConnectionError as ConnectingError
    from botocore.exceptions import ConnectTimeoutError, HTTPClientError, ReadTimeoutError, SSLError

    mend = _advice(settings)
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
        return f"does not answer in time: {mend}"
    if isinstance(error, SSLError):
        return f"has no certificate that this machine trusts: {mend}"
    if isinstance(error, ConnectingError | HTTPClientError):
        return f"cannot be reached: {mend}"
    return f"cannot be asked: {' '.join(str(error).split())}"


def _advice(settings: S3Settings) -> str:
    return f"check {'AWS_REGION' if settings.endpoint is None else 'S3_ENDPOINT_URL'} and the network"
