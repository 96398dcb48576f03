"""What answers tell browsers and caches to do, and which proxies' headers are believed."""

from flask import Flask, Response, request
from flask_compress import Compress
from werkzeug.middleware.proxy_fix import ProxyFix

_LARGEST_BODY = 1 << 20  # bytes
_YEAR = 31_536_000  # s
_OSM = "https://tile.openstreetmap.org"
_CLOSED = "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), microphone=(), payment=(), usb=(), geolocation=(self)",
}


def policy(online_layers: bool = False) -> str:
    """Return the Content-Security-Policy of everything but the page in Google mode: all is ours.

    With `online_layers` the page may load OpenStreetMap's tiles.
    """
    worker = f"worker-src 'self' blob:; {_CLOSED}"
    if not online_layers:
        return f"default-src 'self'; img-src 'self' data: blob:; {worker}"
    return f"default-src 'self'; img-src 'self' data: blob: {_OSM}; connect-src 'self' {_OSM}; {worker}"


def google_policy(nonce: str, online_layers: bool = False) -> str:
    """Return the Content-Security-Policy of a page with Google's map, whose scripts and styles have `nonce`.

    Source: Google Maps Platform, Maps JavaScript API, Content Security Policy guide.
    """
    tiles = f" {_OSM}" if online_layers else ""
    return (
        f"default-src 'self'; script-src 'nonce-{nonce}' 'strict-dynamic' https: 'unsafe-eval' blob:; "
        "img-src 'self' https://*.googleapis.com https://*.gstatic.com *.google.com *.googleusercontent.com "
        f"data: blob:{tiles}; frame-src *.google.com; "
        "connect-src 'self' https://*.googleapis.com *.google.com https://*.gstatic.com data: blob:"
        f"{tiles}; font-src https://fonts.gstatic.com; "
        f"style-src 'nonce-{nonce}' https://fonts.googleapis.com; worker-src 'self' blob:; {_CLOSED}"
    )


def compress(app: Flask) -> None:
    """Have `app` compress what it answers, for clients that ask for that; tiles and pictures are already."""
    app.config.update(
        COMPRESS_ALGORITHM=["zstd", "br", "gzip"],
        COMPRESS_ZSTD_LEVEL=3,
        COMPRESS_BR_LEVEL=4,
        COMPRESS_LEVEL=5,
        COMPRESS_MIN_SIZE=1024,
        COMPRESS_MIMETYPES=[
            "text/html", "text/css", "text/javascript", "text/csv", "application/json",
            "application/geo+json", "application/vnd.google-earth.kml+xml", "application/x-protobuf",
        ],
        COMPRESS_STREAMS=True,
    )  # fmt: skip
    Compress(app)


def protect(app: Flask, private: bool, proxies: int, online_layers: bool = False) -> None:
    """Have `app` send security headers, refuse large bodies and believe that many proxies before it.

    No answer of a `private` server is kept by caches; files that say so are by browsers, by none between.
    """

    ours = policy(online_layers)

    def complete(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", ours)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if request.is_secure:
            response.headers.setdefault("Strict-Transport-Security", f"max-age={_YEAR}")
        if private:
            response.headers.setdefault("Cache-Control", "no-store")
            if response.cache_control.public:
                response.cache_control.public = False
                response.cache_control.private = True
        elif response.is_json:
            response.headers.setdefault("Cache-Control", "no-cache")
        return response

    app.after_request(complete)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    if proxies:
        proxied = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)
        app.wsgi_app = proxied  # type: ignore[method-assign]
