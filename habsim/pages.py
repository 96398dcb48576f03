"""The pages and files that a browser asks for: the map page and its files, documentation, tiles.

A page's files lie under an address that holds a digest of all of them, so that browsers keep them for ever
and modules that import one another are always of one version.
"""

import hashlib
import mimetypes
import secrets
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, make_response, render_template, send_from_directory
from werkzeug.security import safe_join

from habsim.headers import google_policy
from habsim.http import json_response
from habsim.openapi import VERSION, document
from habsim.query import EnsembleQuery, Query, single_query
from habsim.settings import Settings
from habsim.tiles import tile

_FOREVER = "public, max-age=31536000, immutable"
_DAY = "public, max-age=86400"
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".pbf": "application/x-protobuf"}
_APART = (
    "basemap",
    "docs.html",
    "docs.js",
    "index.html",
    "login.css",
    "login.html",
)  # not among a page's files


def pages(web: Path, settings: Settings) -> Blueprint:
    """Return the routes of a server with these settings; `web` is the folder of its files."""
    blueprint = Blueprint("pages", __name__, template_folder=str(web))
    edition = digest(web)

    @blueprint.get("/")
    def index() -> Response:
        nonce = secrets.token_urlsafe(16) if settings.google_key else ""
        page = make_response(render_template("index.html", base=f"/page/{edition}/", nonce=nonce))
        page.headers["Cache-Control"] = "no-cache"
        if nonce:
            page.headers["Content-Security-Policy"] = google_policy(nonce, settings.online_layers)
        return page

    @blueprint.get("/page/<asked>/<path:name>")
    def file(asked: str, name: str) -> Response:
        if asked != edition or name.split("/", 1)[0] in _APART:
            abort(404)
        return _kept(web, name)

    @blueprint.get("/config.json")
    def config() -> Response:
        return json_response(configuration(settings))

    @blueprint.get("/tiles/<any(base, places):layer>/<int:zoom>/<int:column>/<int:row>.pbf")
    def map_tile(layer: str, zoom: int, column: int, row: int) -> Response:
        content = tile(web / "basemap" / f"{layer}.mbtiles", zoom, column, row)
        response = Response(content, 204 if content is None else 200, mimetype="application/x-protobuf")
        response.headers["Cache-Control"] = _DAY
        if content is not None:
            response.headers["Content-Encoding"] = "gzip"
        return response

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        return json_response(document(settings.members))

    @blueprint.get("/docs")
    def docs() -> Response:
        return send_from_directory(web, "docs.html")

    @blueprint.get("/docs.js")
    def docs_script() -> Response:
        return send_from_directory(web, "docs.js")

    @blueprint.get("/vendor/<path:name>")
    def vendor(name: str) -> Response:
        return _kept(web / "vendor", name)  # its path holds the version

    return blueprint


def digest(web: Path) -> str:
    """Return 12 hex digits that change whenever one of the page's files in `web` does."""
    total = hashlib.sha256()
    for path in sorted(web.rglob("*")):
        name = path.relative_to(web)
        if path.is_file() and name.parts[0] not in _APART:
            total.update(f"{name}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:12]


def configuration(settings: Settings) -> dict[str, Any]:
    """Return what the page must know of the server before it asks anything; nothing in it is secret."""
    google = None
    if settings.google_key:
        google = {"key": settings.google_key, "map_id": settings.google_map}
    return {
        "version": VERSION,
        "site": {"lat": settings.site.lat, "lon": settings.site.lon, "alt": settings.site.alt},
        "members": settings.members,
        "password": settings.password is not None,
        "google": google,
        "online_layers": settings.online_layers,
        "parameters": _parameters(single_query(settings.members)) | _parameters(EnsembleQuery),
    }


def _parameters(query: type[Query]) -> dict[str, Any]:
    """Return the limits, units and meanings of a route's parameters, from the table by which it parses."""
    return {
        name: {
            "minimum": field.get("minimum"),
            "maximum": field.get("maximum", field.get("exclusiveMaximum")),
            "exclusive": "exclusiveMaximum" in field,
            "whole": field.get("type") == "integer",
            "unit": field.get("x-unit"),
            "enum": field.get("enum"),
            "default": field.get("default"),
            "meaning": field.get("description"),
        }
        for name, field in query.model_json_schema()["properties"].items()
    }


def _kept(folder: Path, name: str) -> Response:
    """Return a file that never changes under its address.

    It is read whole: what is streamed is not compressed for every browser.
    """
    path = safe_join(str(folder), name)
    try:
        content = Path(path or folder).read_bytes()
    except (OSError, ValueError):  # not there, a folder, or what can be no name: too long, with a null
        abort(404)
    kind = _TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0]
    response = Response(content, mimetype=kind or "application/octet-stream")
    response.headers["Cache-Control"] = _FOREVER
    return response
