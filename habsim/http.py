"""Answers and errors as HTTP responses, all of them JSON."""

import logging
from collections.abc import Mapping
from typing import Any

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from habsim.errors import HabsimError

_RETRY_AFTER = "5"  # s

logger = logging.getLogger(__name__)


def json_response(value: Any, status: int = 200) -> Response:
    """Return `value` as JSON, NumPy arrays included; bytes are JSON already."""
    text = value if isinstance(value, bytes) else orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(text, status, mimetype="application/json")


def answer_errors(app: Flask, statuses: Mapping[type[HabsimError], int], details: bool) -> None:
    """Have `app` answer every error as `{"error": sentence}`, with `details` also the cause.

    `statuses` holds the status of each type of error and its descendants, the nearest of them first.
    """

    def response(sentence: str, status: int, cause: BaseException | None = None) -> Response:
        body = {"error": sentence}
        if details and cause is not None:
            body["details"] = repr(cause)
        answer = json_response(body, status)
        if status == 503:
            answer.headers["Retry-After"] = _RETRY_AFTER
        return answer

    def foreseen(error: HabsimError) -> Response:
        status = next((statuses[kind] for kind in type(error).__mro__ if kind in statuses), 500)
        if status >= 500:
            logger.error("%d %s: %s (cause: %r)", status, request.path, error, error.__cause__)
        return response(str(error), status, error.__cause__ or error)

    def refused(error: HTTPException) -> Response:
        if error.code == 404:
            return response(f"there is nothing at {request.path[:80]}: see /docs", 404)
        answer = response(error.description or error.name, error.code or 500)
        for name, value in error.get_headers():
            if name not in ("Content-Type", "Content-Length"):
                answer.headers[name] = value
        return answer

    def bug(error: Exception) -> Response:
        logger.error("500 %s", request.path, exc_info=error)
        return response("the server made a mistake: it is logged, please report it", 500, error)

    app.register_error_handler(HabsimError, foreseen)
    app.register_error_handler(HTTPException, refused)
    app.register_error_handler(Exception, bug)
