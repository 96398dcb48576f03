"""What answers tell browsers and caches to do, and which proxies' headers are believed."""

from flask import Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix

_LARGEST_BODY = 1 << 20  # bytes
_YEAR = 31_536_000  # s
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), microphone=(), payment=(), usb=(), geolocation=(self)",
}


def protect(app: Flask, private: bool, proxies: int) -> None:
    """Have `app` send security headers, refuse large bodies and believe that many proxies before it.

    No answer of a `private` server is kept by caches, unless it says so itself as files do.
    """

    def complete(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if request.is_secure:
            response.headers.setdefault("Strict-Transport-Security", f"max-age={_YEAR}")
        if private:
            response.headers.setdefault("Cache-Control", "no-store")
        elif response.is_json:
            response.headers.setdefault("Cache-Control", "no-cache")
        return response

    app.after_request(complete)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    if proxies:
        proxied = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)
        app.wsgi_app = proxied  # type: ignore[method-assign]
