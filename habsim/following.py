"""Routes by which an ensemble is followed from any worker: its result, its progress, its picture."""

from flask import Blueprint, Response, request

from habsim import errors
from habsim.errors import NotFoundError
from habsim.http import json_response
from habsim.progress import COMPLETE, Progress
from habsim.query import ResultQuery
from habsim.runs import Runs
from habsim.stream import Streams


def following(runs: Runs, streams: Streams) -> Blueprint:
    """Return the routes."""
    blueprint = Blueprint("following", __name__, url_prefix="/sim")

    @blueprint.get("/result")
    def result() -> Response:
        identity = _asked()
        answer = runs.results.answer(identity)
        return under_way(runs, identity) if answer is None else json_response(answer)

    @blueprint.get("/progress-stream")
    def progress_stream() -> Response:
        identity = _asked()
        _progress(runs, identity)
        return streams.response(identity, request.environ.get("gunicorn.socket"))

    @blueprint.get("/density")
    def density() -> Response:
        identity = _asked()
        picture = runs.results.picture(identity)
        if picture is None:
            raise NotFoundError(f"there is no result {identity}, or no longer: ask for the ensemble again")
        return Response(picture, mimetype="image/png")

    return blueprint


def under_way(runs: Runs, identity: str) -> Response:
    """Return 202 with the progress of a run that has not ended; raises the error in which it ended.

    Raises `NotFoundError` for a run that is unknown or expired.
    """
    state = _progress(runs, identity)
    if state.error is not None:
        raise getattr(errors, state.kind or "UnavailableError")(state.error)
    links = {
        "request_id": identity,
        "progress": f"/sim/progress-stream?request_id={identity}",
        "result": f"/sim/result?request_id={identity}",
    }
    return json_response({**links, **state.as_json()}, 202)


def _asked() -> str:
    return ResultQuery.parse(request.args.items(multi=True)).request_id


def _progress(runs: Runs, identity: str) -> Progress:
    state = runs.progress(identity)
    kept = runs.results.answer(identity) is not None
    if state is None and kept:
        state = Progress(1, 1, COMPLETE)
    if state is None or (state.status == COMPLETE and not kept):
        raise NotFoundError(f"there is no run {identity}, or no longer: ask for the ensemble again")
    return state
