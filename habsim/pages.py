"""The pages and files that a browser asks for: documentation and what is vendored for it."""

from pathlib import Path

from flask import Blueprint, Response, redirect, send_from_directory
from werkzeug.wrappers import Response as BaseResponse

from habsim.http import json_response
from habsim.openapi import document

_FOREVER = "public, max-age=31536000, immutable"


def pages(web: Path, members: int) -> Blueprint:
    """Return the routes of a server with that many members; `web` is the folder of its files."""
    blueprint = Blueprint("pages", __name__)

    @blueprint.get("/")
    def index() -> BaseResponse:
        return redirect("/docs")

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        return json_response(document(members))

    @blueprint.get("/docs")
    def docs() -> Response:
        return send_from_directory(web, "docs.html")

    @blueprint.get("/docs.js")
    def docs_script() -> Response:
        return send_from_directory(web, "docs.js")

    @blueprint.get("/vendor/<path:name>")
    def vendor(name: str) -> Response:
        response = send_from_directory(web / "vendor", name)
        response.headers["Cache-Control"] = _FOREVER  # the path holds the version
        return response

    return blueprint
