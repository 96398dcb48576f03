"""Settings: everything the environment decides, read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from habsim.errors import SettingsError

S3_REGION = "us-west-1"
S3_BUCKET = "habsim-storage"
SITE = "37.3553, -121.8763, 24"


@dataclass(frozen=True, slots=True)
class S3Settings:
    """Where a bucket is and who asks."""

    bucket: str
    prefix: str
    region: str
    endpoint: str | None
    access_key: str | None = field(repr=False)
    secret_key: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Site:
    """A launch place: degrees, and m above mean sea level."""

    lat: float
    lon: float
    alt: float


@dataclass(frozen=True, slots=True)
class Settings:
    """What the server is told by its environment; `from_environment` has the defaults."""

    data_dir: Path
    store: Path | S3Settings | None = None  # None: nothing is configured
    members: int = 21
    stale_hours: float = 18.0
    refresh_seconds: float = 300.0
    ensembles: int = 2
    queue_seconds: float = 30.0
    results_bytes: int = 512_000_000
    cache_bytes: int | None = None  # None: what suits the volume
    whole_files: bool = False  # copy members whole in the end
    cors_origins: tuple[str, ...] = ("*",)
    password: str | None = field(default=None, repr=False)  # None: no log-in
    secret_key: str | None = field(default=None, repr=False)  # None: a random one
    proxies: int = 0
    production: bool = True
    site: Site = field(default_factory=lambda: _site(SITE))
    google_key: str | None = None  # None: the built-in map
    google_map: str | None = None
    online_layers: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Return the settings that `environment` asks for.

        Raises `SettingsError` naming the variable that is wrong.
        """
        get = environment.get
        railway = "RAILWAY_ENVIRONMENT" in environment or "RAILWAY_SERVICE_NAME" in environment
        return cls(
            data_dir=Path(get("HABSIM_DATA_DIR") or ("/app/data" if railway else "data")).absolute(),
            store=_store(environment),
            members=_count(environment, "HABSIM_MEMBERS", 21, 1, 100),
            stale_hours=_number(environment, "HABSIM_STALE_HOURS", 18, 0, 1000),
            refresh_seconds=_number(environment, "HABSIM_REFRESH_SECONDS", 300, 1, 86400),
            ensembles=_count(environment, "HABSIM_ENSEMBLES", os.cpu_count() or 1, 1, 256),
            queue_seconds=_number(environment, "HABSIM_QUEUE_SECONDS", 30, 0, 600),
            results_bytes=int(_number(environment, "HABSIM_RESULTS_BYTES", 512e6, 1e6, 1e15)),
            cache_bytes=int(_number(environment, "HABSIM_CACHE_BYTES", 0, 0, 1e15)) or None,
            whole_files=_flag(environment, "HABSIM_WHOLE_FILES"),
            cors_origins=tuple((get("HABSIM_CORS_ORIGINS") or "*").replace(",", " ").split()),
            password=get("HABSIM_PASSWORD") or None,
            secret_key=get("SECRET_KEY") or None,
            proxies=_count(environment, "HABSIM_PROXIES", 0, 0, 10),
            production=(get("FLASK_ENV") or "production") == "production",
            site=_site(get("HABSIM_SITE") or SITE),
            google_key=get("GOOGLE_MAPS_API_KEY") or None,
            google_map=get("GOOGLE_MAPS_MAP_ID") or None,
            online_layers=_flag(environment, "HABSIM_ONLINE_LAYERS"),
        )


def _number(environment: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    text = environment.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError as error:
        raise SettingsError(f"{name} must be a number from {low:g} to {high:g}, not {text!r}") from error
    if not low <= value <= high:
        raise SettingsError(f"{name} must be from {low:g} to {high:g}, not {text}")
    return value


def _count(environment: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    value = _number(environment, name, default, low, high)
    if value != int(value):
        raise SettingsError(f"{name} must be a whole number from {low} to {high}, not {value:g}")
    return int(value)


def _flag(environment: Mapping[str, str], name: str) -> bool:
    text = (environment.get(name) or "0").lower()
    if text not in ("0", "1", "false", "true"):
        raise SettingsError(f"{name} must be 1 or 0, not {text!r}")
    return text in ("1", "true")


def _site(text: str) -> Site:
    """Return the launch place that `text` says: latitude, longitude, altitude, a comma between them."""
    try:
        lat, lon, alt = (float(part.strip().removesuffix("m")) for part in text.split(","))
    except ValueError as error:
        raise SettingsError(f"HABSIM_SITE must be like {SITE!r}, not {text!r}") from error
    if not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0 and 0.0 <= alt <= 50_000.0):
        raise SettingsError(f"HABSIM_SITE must be a latitude, a longitude and 0 to 50000 m, not {text!r}")
    return Site(lat, lon, alt)


def _store(environment: Mapping[str, str]) -> Path | S3Settings | None:
    """Return the store asked for: HABSIM_STORE, else a bucket if one is configured, else None."""
    store, bucket = environment.get("HABSIM_STORE"), environment.get("S3_BUCKET_NAME")
    if store and not store.startswith("s3://"):
        return Path(store).absolute()
    keys = environment.get("AWS_ACCESS_KEY_ID") and environment.get("AWS_SECRET_ACCESS_KEY")
    if not store and not bucket and not (keys and environment.get("FLASK_ENV") == "production"):
        return None
    name, _, prefix = (store or f"s3://{bucket or S3_BUCKET}").removeprefix("s3://").partition("/")
    if not name:
        raise SettingsError(f"HABSIM_STORE must be a folder or s3://bucket/prefix, not {store!r}")
    return S3Settings(
        bucket=name,
        prefix=prefix.strip("/"),
        region=environment.get("AWS_REGION") or S3_REGION,
        endpoint=environment.get("S3_ENDPOINT_URL") or None,
        access_key=environment.get("AWS_ACCESS_KEY_ID") or None,
        secret_key=environment.get("AWS_SECRET_ACCESS_KEY") or None,
    )
