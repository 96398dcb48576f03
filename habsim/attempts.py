"""Wrong log-ins, counted for each address by all workers of a host together.

The first two hex digits of an address's digest name the file that counts it, so there are at most 256 files;
each is JSON, `{digest: [Unix seconds of a wrong try, ...]}`, and loses what is old whenever it is published.
"""

import hashlib
import ipaddress
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

from habsim.files import claim, publish

LIMIT = 5  # wrong tries of an address within WINDOW
WINDOW = 60.0  # s

logger = logging.getLogger(__name__)


class Attempts:
    """Hears tries at a password until too many of an address were wrong."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock

    def hear(self, address: str, right: bool) -> float:
        """Return 0 if a try from `address` is heard, else how long (s) to wait before the next can be.

        A try that is heard and not `right` counts.  Whoever gets a wait must not learn whether it was right.
        """
        source = counted_as(address)
        digest = hashlib.sha256(source.encode()).hexdigest()
        path = self._folder / f"{digest[:2]}.json"
        with claim(path.with_suffix(".lock"), wait=True):
            now = self._clock()
            tries = _recent(path, now)
            own = tries.get(digest, [])
            if len(own) >= LIMIT:
                return min(own) + WINDOW - now
            if not right:
                text = json.dumps({**tries, digest: [*own, now]}).encode()
                publish(path, lambda stream: stream.write(text))
                if len(own) + 1 == LIMIT:
                    logger.warning("%d wrong passwords within %g s from %s", LIMIT, WINDOW, source)
            return 0.0


def counted_as(address: str) -> str:
    """Return what `address` is counted as: itself, in IPv6 its /64.

    Whoever has one address of a /64 has them all (RFC 4291, section 2.5.1).  An IPv4 address mapped into IPv6
    is itself, and everything that is no address counts as one.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    mapped = parsed.ipv4_mapped
    return str(ipaddress.IPv6Address(int(parsed) >> 64 << 64)) if mapped is None else str(mapped)


def _recent(path: Path, now: float) -> dict[str, list[float]]:
    """Return the tries of the last minute; a clock that was set back leaves later ones, which are dropped."""
    try:
        tries = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    kept = {digest: [t for t in times if abs(now - t) < WINDOW] for digest, times in tries.items()}
    return {digest: times for digest, times in kept.items() if times}
