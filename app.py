"""HTTP: parameters in, answers out, errors as statuses.

`create_app` is the one place where everything is wired; `app` is made when it is first asked for, so that
importing this module does nothing and `app:app` still works.
"""

import logging
import logging.config
import os
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeVar, cast

import orjson
from flask import Blueprint, Flask, Response, current_app, g, redirect, request, send_from_directory
from flask_cors import CORS
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from gefs import Cycles, DefaultStore, FolderStore, Forecast, watch
from habsim import export, kernel, logs
from habsim.errors import HabsimError, InvalidRequestError, NotFoundError, SettingsError, UnavailableError
from habsim.openapi import document
from habsim.query import EnsembleQuery, FlightQuery, PlaceQuery, Query, ResultQuery, SingleQuery
from habsim.settings import Settings
from simulate import Library, Predictor, Results

WEB = Path(__file__).parent / "www"
STATUSES: tuple[tuple[type[HabsimError], int], ...] = (
    (InvalidRequestError, 400),
    (NotFoundError, 404),
    (UnavailableError, 503),
)
_Q = TypeVar("_Q", bound=Query)
_RETRY_AFTER = "5"  # s
_FOREVER = "public, max-age=31536000, immutable"

logger = logging.getLogger(__name__)
sim = Blueprint("sim", __name__, url_prefix="/sim")
pages = Blueprint("pages", __name__)


def __getattr__(name: str) -> Flask:
    """Return `app`, made when it is first asked for."""
    if name != "app":
        raise AttributeError(name)
    globals()["app"] = create_app()
    return cast(Flask, globals()["app"])


def create_app(settings: Settings | None = None) -> Flask:
    """Return the application wired by `settings`, by default those of the environment.

    Makes the demo cycle if nothing is configured, but starts no thread: see `start_watching`.
    """
    settings = settings or Settings.from_environment(os.environ)
    if settings.store is None:
        default = DefaultStore(settings.data_dir, settings.members)
        default.prepare()
        choose, prepare = default.chosen, default.prepare
    elif isinstance(settings.store, Path):
        folder = FolderStore(settings.store)
        choose, prepare = lambda: folder, lambda: None
    else:
        raise SettingsError("S3 stores are not supported yet: set HABSIM_STORE to a folder")
    logger.info("store %s, %d members", choose().address, settings.members)
    cycles = Cycles(choose, settings.members, settings.data_dir)
    app = Flask(__name__, static_folder=None)
    app.extensions["habsim"] = Predictor(cycles, Library(), Results(settings.data_dir / "results"))
    app.extensions["habsim.settings"] = settings
    app.extensions["habsim.prepare"] = prepare
    CORS(app, resources={r"/sim/*": {"origins": list(settings.cors_origins)}}, max_age=3600)
    app.register_blueprint(sim)
    app.register_blueprint(pages)
    app.register_error_handler(HabsimError, _foreseen)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, _bug)
    app.after_request(_mark_demo)
    return app


def start_watching(app: Flask) -> Event:
    """Follow the store from a thread of this process; set the event that comes back to end it."""
    settings = _settings(app)
    stop = Event()
    elected = settings.data_dir / "watcher.lock"
    cycles, prepare = _predictor(app).cycles, app.extensions["habsim.prepare"]
    arguments = (cycles, prepare, elected, settings.refresh_seconds, stop)
    Thread(target=watch, args=arguments, name="watcher", daemon=True).start()
    return stop


def _predictor(app: Flask | None = None) -> Predictor:
    return cast(Predictor, (app or current_app).extensions["habsim"])


def _settings(app: Flask | None = None) -> Settings:
    return cast(Settings, (app or current_app).extensions["habsim.settings"])


def _forecast() -> Forecast:
    """Return the forecast of this request, resolved once."""
    if "forecast" not in g:
        g.forecast = _predictor().forecast()
    return cast(Forecast, g.forecast)


def _mark_demo(response: Response) -> Response:
    """Say in a header that an answer rests on synthetic winds."""
    if "forecast" in g and g.forecast.store.demo:
        response.headers["X-HABSIM-Demo"] = "true"
    return response


def _json(value: Any, status: int = 200) -> Response:
    """Return `value` as JSON; bytes are JSON already."""
    text = value if isinstance(value, bytes) else orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(text, status, mimetype="application/json")


def _error(sentence: str, status: int, cause: BaseException | None = None) -> Response:
    body = {"error": sentence}
    if cause is not None and not _settings().production:
        body["details"] = repr(cause)
    response = _json(body, status)
    if status == 503:
        response.headers["Retry-After"] = _RETRY_AFTER
    return response


def _foreseen(error: HabsimError) -> Response:
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), 500)
    if status >= 500:
        logger.error("%s %s: %s", status, request.path, error)
    return _error(str(error), status, error.__cause__ or error)


def _refused(error: HTTPException) -> Response:
    """Return what the framework refuses (no such route, wrong method) in our form."""
    if error.code == 404:
        return _error(f"there is nothing at {request.path[:80]}: see /docs", 404)
    response = _error(error.description or error.name, error.code or 500)
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _bug(error: Exception) -> Response:
    logger.error("500 %s", request.path, exc_info=error)
    return _error("the server made a mistake: it is logged, please report it", 500, error)


def _query(model: type[_Q]) -> _Q:
    return model.parse(request.args.items(multi=True))


@sim.get("/singlezpb")
def singlezpb() -> Response:
    """Return one flight."""
    query = _query(SingleQuery)
    members = _settings().members
    if query.model >= members:
        raise InvalidRequestError(f"model must be a whole number from 0 to {members - 1}")
    plan, forecast = query.plan(), _forecast()
    phases = _predictor().flight(forecast, plan, query.model)
    if query.format == "json":
        return _json(phases)
    lists = [phase.tolist() for phase in phases]
    facts = {"phases": lists, "gefs": str(forecast.cycle), "demo": forecast.store.demo}
    return _file("flight", query, facts)


@sim.get("/spaceshot")
def spaceshot() -> Response:
    """Return an ensemble."""
    query = _query(EnsembleQuery)
    answer = _predictor().ensemble(_forecast(), query.plan(), query.num_perturbations)
    return _json(answer) if query.format == "json" else _file("ensemble", query, orjson.loads(answer))


def _file(kind: str, query: FlightQuery, result: dict[str, Any]) -> Response:
    """Return a result as the file that `query` asks for."""
    parameters = query.model_dump(exclude={"format"})
    text = export.WRITERS[kind, query.format](result, parameters)
    name = export.file_name(kind, parameters, result["gefs"], result["demo"], query.format)
    response = Response(text, mimetype=export.MEDIA_TYPES[query.format])
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@sim.get("/result")
def result() -> Response:
    """Return a finished ensemble again."""
    identity = _query(ResultQuery).request_id
    answer = _predictor().results.answer(identity)
    if answer is None:
        raise NotFoundError(f"there is no result {identity}, or no longer: ask for the ensemble again")
    return _json(answer)


@sim.get("/density")
def density() -> Response:
    """Return the picture of an ensemble's landing density."""
    identity = _query(ResultQuery).request_id
    picture = _predictor().results.picture(identity)
    if picture is None:
        raise NotFoundError(f"there is no result {identity}, or no longer: ask for the ensemble again")
    return Response(picture, mimetype="image/png")


@sim.get("/elev")
def elev() -> Response:
    """Return the ground's height."""
    query = _query(PlaceQuery)
    height = float(_predictor().library.ground(_forecast()).at(query.lat, query.lon))
    return _json({"elevation": round(height, 1)})


@sim.get("/models")
def models() -> Response:
    """Return the members of the current cycle."""
    return _json({"models": _forecast().present()})


@sim.get("/which")
def which() -> Response:
    """Return the current cycle and where the data come from."""
    forecast, library = _forecast(), _predictor().library
    present = forecast.present()
    wind = library.wind(forecast, present[0] if present else 0)
    ground = library.ground(forecast)
    age = time.time() - forecast.cycle.time
    return _json(
        {
            "gefs": str(forecast.cycle),
            "start": wind.start,
            "end": wind.end,
            "age_s": round(age),
            "stale": age > _settings().stale_hours * 3600.0,
            "demo": forecast.store.demo,
            "source": wind.layout.origin or "not said by the wind files",
            "elevation": {"source": ground.source, "resolution_m": round(ground.resolution_m, 1)},
        }
    )


@sim.route("/refresh", methods=["GET", "POST"])
def refresh() -> Response:
    """Look at the store now."""
    g.forecast, changed = _predictor().cycles.look()
    return _json({"gefs": str(g.forecast.cycle), "changed": changed})


@pages.get("/health")
def health() -> Response:
    """Return that the process is alive."""
    return _json({"status": "ok"})


@pages.get("/ready")
def ready() -> Response:
    """Return 200 if a cycle and the elevation are usable."""
    g.forecast = _predictor().cycles.current()
    _predictor().library.wind(g.forecast, 0)
    _predictor().library.ground(g.forecast)
    return _json({"status": "ready", "gefs": str(g.forecast.cycle)})


@pages.get("/")
def index() -> BaseResponse:
    """Lead to the documentation."""
    return redirect("/docs")


@pages.get("/openapi.json")
def openapi() -> Response:
    """Return the API's description."""
    return _json(document(_settings().members))


@pages.get("/docs")
def docs() -> Response:
    """Return the page that shows the API's description."""
    return send_from_directory(WEB, "docs.html")


@pages.get("/docs.js")
def docs_script() -> Response:
    """Return the script of that page."""
    return send_from_directory(WEB, "docs.js")


@pages.get("/vendor/<path:name>")
def vendor(name: str) -> Response:
    """Return a vendored file; its path holds its version."""
    response = send_from_directory(WEB / "vendor", name)
    response.headers["Cache-Control"] = _FOREVER
    return response


def main() -> None:
    """Run the development server, with reload."""
    logging.config.dictConfig(logs.configuration())
    kernel.warm_up()
    app = create_app()
    start_watching(app)
    app.run(port=int(os.environ.get("PORT") or 8000), debug=True, threaded=True)


if __name__ == "__main__":
    main()
