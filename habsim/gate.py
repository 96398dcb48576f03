"""The gate: one password, which people give once in a log-in page and programs with each request.

A signed cookie remembers a log-in by a keyed fingerprint of the password, so that a new password ends all of
them.
"""

import hashlib
import hmac
import logging
import math
import re
import secrets
import unicodedata
from pathlib import Path
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Flask,
    Response,
    make_response,
    redirect,
    render_template,
    request,
    send_from_directory,
    session,
)
from flask.sessions import SecureCookieSessionInterface
from werkzeug.exceptions import Forbidden, TooManyRequests
from werkzeug.wrappers import Response as BaseResponse

from habsim.attempts import Attempts

_OPEN = frozenset({"/health", "/ready", "/login", "/login.css", "/logout"})
_PAGES = frozenset({"/", "/docs"})
_LOCAL_PATH = re.compile(r"/(?![/\\])[^\x00-\x20\x7f-\x9f\\]*")
_FINGERPRINT = "fingerprint"  # key in the session

logger = logging.getLogger(__name__)


class Gate:
    """Knows the password, and who gave it."""

    def __init__(self, password: str, secret_key: str, attempts: Attempts) -> None:
        self._password = _digest(password)
        self._fingerprint = hmac.digest(secret_key.encode(), self._password, "sha256").hex()
        self._attempts = attempts

    def log_in(self, password: str) -> None:
        """Remember in the session that this client gave `password`.

        Raises what `hear` raises.
        """
        self.hear(password)
        session.clear()
        session[_FINGERPRINT] = self._fingerprint

    def hear(self, password: str) -> None:
        """Raise `Forbidden` if `password` is wrong, `TooManyRequests` if this address may not try now."""
        right = hmac.compare_digest(_digest(password), self._password)
        wait = math.ceil(self._attempts.hear(request.remote_addr or "", right))
        if wait > 0:
            sentence = f"too many wrong passwords came from your address: try again in {wait} s"
            raise TooManyRequests(sentence, retry_after=wait)
        if not right:
            raise Forbidden("the password is wrong")

    def remembers(self) -> bool:
        """Return whether the session is that of a log-in with the present password."""
        return hmac.compare_digest(session.get(_FINGERPRINT, "").encode(), self._fingerprint.encode())


class _Sessions(SecureCookieSessionInterface):
    """Flask's signed cookies, Secure whenever the request is HTTPS."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def guard(app: Flask, web: Path, password: str | None, secret_key: str | None, attempts: Attempts) -> None:
    """Put the gate before every route of `app`, with the log-in page from the folder `web`.

    Without a password it is open.  Without a secret key a random one is made, here and not in each worker.
    """
    if secret_key is None:
        logger.warning("SECRET_KEY is not set: a random one is used, so log-ins end when the server stops")
        secret_key = secrets.token_hex()
    app.secret_key = secret_key
    app.session_interface = _Sessions()
    app.config.update(SESSION_COOKIE_NAME="habsim_session", SESSION_COOKIE_SAMESITE="Lax")
    app.register_blueprint(_routes(web, Gate(password, secret_key, attempts) if password else None))


def _routes(web: Path, gate: Gate | None) -> Blueprint:
    blueprint = Blueprint("gate", __name__, template_folder=str(web))

    @blueprint.before_app_request
    def ask() -> BaseResponse | None:
        if gate is None or _is_open() or gate.remembers():
            return None
        password = _password_sent()
        if password is not None:
            gate.hear(password)
            return None
        if _is_page():
            return redirect(f"/login?{urlencode({'next': _address()})}", 303)
        raise Forbidden("log in at /login, or send the password by HTTP Basic or as a bearer token")

    @blueprint.get("/login")
    def login_page() -> BaseResponse:
        target = _local(request.args.get("next", ""))
        if gate is None or gate.remembers():
            return redirect(target, 303)
        return make_response(render_template("login.html", next=target, problem=None))

    @blueprint.post("/login")
    def login() -> BaseResponse:
        _refuse_other_sites()
        target = _local(request.form.get("next", ""))
        if gate is None:
            return redirect(target, 303)
        try:
            gate.log_in(request.form.get("password", ""))
        except (Forbidden, TooManyRequests) as refusal:
            text = render_template("login.html", next=target, problem=refusal.description)
            page = Response(text, refusal.code)
            page.retry_after = refusal.retry_after if isinstance(refusal, TooManyRequests) else None
            return page
        return redirect(target, 303)

    @blueprint.get("/logout")
    def logout() -> BaseResponse:
        _refuse_other_sites()
        session.clear()
        return redirect("/login", 303)

    @blueprint.get("/login.css")
    def style() -> Response:
        return send_from_directory(web, "login.css")

    return blueprint


def _digest(password: str) -> bytes:
    """Return the SHA-256 of `password`, however its accents are composed (RFC 8265, section 4.2)."""
    return hashlib.sha256(unicodedata.normalize("NFC", password).encode("utf-8", "surrogateescape")).digest()


def _is_open() -> bool:
    """Return whether this request needs no log-in: probes, the log-in itself, and CORS preflights."""
    return request.path in _OPEN or (request.method == "OPTIONS" and request.path.startswith("/sim/"))


def _is_page() -> bool:
    """Return whether this request is for a page, by a client that can show the log-in page instead."""
    shows = not request.accept_mimetypes or request.accept_mimetypes.accept_html
    return request.path in _PAGES and request.method in ("GET", "HEAD") and shows


def _password_sent() -> str | None:
    """Return the password in the `Authorization` header: HTTP Basic with any user name, or a bearer token."""
    if request.authorization is not None and request.authorization.type == "basic":
        return request.authorization.password
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    return token.strip().encode("latin-1").decode("utf-8", "surrogateescape")  # PEP 3333: bytes as Latin-1


def _address() -> str:
    """Return the path and query of this request."""
    query = request.query_string.decode(errors="replace")
    return f"{request.path}?{query}" if query else request.path


def _local(target: str) -> str:
    """Return `target` if it is a path on this server, however browsers mend it, else that of the map."""
    return target if _LOCAL_PATH.fullmatch(target) else "/"


def _refuse_other_sites() -> None:
    """Raise `Forbidden` if another site's page makes this request."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        ours = site in ("same-origin", "none")
    else:
        ours = origin is None or origin.partition(":")[2] == f"//{request.host}"
    if not ours:
        raise Forbidden("log-ins from another site's page are refused")
