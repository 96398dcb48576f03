"""HTTP: parameters in, answers out, errors as statuses.

`create_app` is the one place where everything is wired; `app` is made when it is first asked for, so that
importing this module does nothing and `app:app` still works.
"""

import logging
import logging.config
import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeVar, cast

import orjson
import psutil
from flask import Blueprint, Flask, Response, current_app, g, request
from flask_cors import CORS
from werkzeug.serving import run_simple

from elev import publish_embedded
from gefs import Cycles, Forecast, watch
from habsim import export, kernel, logs
from habsim.around import around
from habsim.attempts import Attempts
from habsim.bucket import Bucket
from habsim.default_store import DefaultStore
from habsim.errors import (
    HabsimError,
    InvalidRequestError,
    NotFoundError,
    TimeLimitError,
    UnavailableError,
)
from habsim.following import following, under_way
from habsim.gate import guard
from habsim.headers import compress, protect
from habsim.http import answer_errors, json_response
from habsim.metrics import Metrics, serve
from habsim.pages import pages
from habsim.progress import ProgressBoard
from habsim.query import (
    EnsembleQuery,
    FlightQuery,
    PlaceQuery,
    Query,
    column_query,
    single_query,
)
from habsim.results import Results
from habsim.runs import Runs
from habsim.settings import S3Settings, Settings
from habsim.stores import BucketStore, FolderStore, Store
from habsim.stream import Streams
from simulate import Library, Predictor

WEB = Path(__file__).parent / "www"
STATUSES: dict[type[HabsimError], int] = {
    InvalidRequestError: 400,
    NotFoundError: 404,
    UnavailableError: 503,
    TimeLimitError: 504,
}
_Q = TypeVar("_Q", bound=Query)

logger = logging.getLogger(__name__)
sim = Blueprint("sim", __name__, url_prefix="/sim")
probes = Blueprint("probes", __name__)


def __getattr__(name: str) -> Flask:
    """Return `app`, made when it is first asked for."""
    if name != "app":
        raise AttributeError(name)
    globals()["app"] = create_app()
    return cast(Flask, globals()["app"])


def create_app(settings: Settings | None = None, bucket: Bucket | None = None) -> Flask:
    """Return the application wired by `settings`, by default those of the environment.

    `bucket` stands in for the one that they name.

    Makes the demo cycle if nothing is configured, but starts no thread: see `start_watching`.
    """
    settings = settings or Settings.from_environment(os.environ)
    metrics = Metrics()
    choose, prepare = _store(settings, bucket, metrics)
    prepare()
    region = settings.store.region if isinstance(settings.store, S3Settings) else "none"
    logger.info("store %s, region %s, %d members", choose().address, region, settings.members)
    cycles = Cycles(choose, settings.members, settings.data_dir)
    app = Flask(__name__, static_folder=None)
    serve(app, metrics)
    results = Results(settings.data_dir / "results", settings.results_bytes)
    board = ProgressBoard(settings.data_dir / "progress")
    runs = Runs(settings.data_dir / "runs", results, board, settings.ensembles, settings.queue_seconds)
    library = Library(metrics, grown_size=max(30, settings.members))
    metrics.look_up(cycles.accepted, runs.active)
    app.extensions["habsim"] = Predictor(cycles, library, runs, metrics)
    app.extensions["habsim.metrics"] = metrics
    streams = app.extensions["habsim.streams"] = Streams(runs, metrics.streams)
    app.extensions["habsim.settings"] = settings
    app.extensions["habsim.prepare"] = prepare
    CORS(
        app,
        resources={r"/sim/*": {"origins": list(settings.cors_origins)}},
        methods=["GET", "HEAD", "OPTIONS", "POST"],
        expose_headers=["Retry-After", "X-HABSIM-Demo"],
        max_age=3600,
    )
    guard(app, WEB, settings.password, settings.secret_key, Attempts(settings.data_dir / "attempts"))
    private = settings.password is not None
    protect(app, private=private, proxies=settings.proxies, online_layers=settings.online_layers)
    compress(app)
    for blueprint in (sim, probes, following(runs, streams), around(results), pages(WEB, settings)):
        app.register_blueprint(blueprint)
    answer_errors(app, STATUSES, details=not settings.production)
    app.after_request(_mark_demo)
    return app


def _store(
    settings: Settings, bucket: Bucket | None, metrics: Metrics
) -> tuple[Callable[[], Store], Callable[[], None]]:
    """Return what says which store serves, and what prepares it."""
    if settings.store is None and bucket is None:
        default = DefaultStore(settings.data_dir, settings.members, publish_embedded)
        return default.chosen, default.prepare
    store: Store
    if isinstance(settings.store, Path):
        store = FolderStore(settings.store)
    else:
        bucket = bucket or Bucket(cast(S3Settings, settings.store))
        copies = settings.data_dir / "gefs"
        limit, whole = settings.cache_bytes, settings.whole_files
        store = BucketStore(bucket, copies, settings.members, limit, metrics, whole)
    return lambda: store, lambda: None


def start_watching(app: Flask) -> Event:
    """Follow the store from a thread of this process; set the event that comes back to end it."""
    settings = _settings(app)
    stop = Event()
    elected = settings.data_dir / "watcher.lock"
    predictor, prepare = _predictor(app), app.extensions["habsim.prepare"]
    arguments = (predictor.cycles, prepare, elected, settings.refresh_seconds, stop, predictor.warm)
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


def _query(model: type[_Q]) -> _Q:
    return model.parse(request.args.items(multi=True))


@sim.get("/singlezpb")
def singlezpb() -> Response:
    """Return one flight."""
    query = _query(single_query(_settings().members))
    plan, forecast = query.plan(), _forecast()
    phases = _predictor().flight(forecast, plan, query.model)
    if query.format == "json":
        return json_response(phases)
    lists = [phase.tolist() for phase in phases]
    facts = {"phases": lists, "gefs": str(forecast.cycle), "demo": forecast.store.demo}
    return _file("flight", query, facts)


@sim.get("/spaceshot")
def spaceshot() -> Response:
    """Return an ensemble."""
    query = _query(EnsembleQuery)
    run = _predictor().ensemble(_forecast(), query.plan(), query.num_perturbations)
    if query.wait == "false":
        _predictor().begin(run)
        return under_way(_predictor().runs, run.identity)
    answer = _predictor().answer(run)
    return json_response(answer) if query.format == "json" else _file("ensemble", query, orjson.loads(answer))


def _file(kind: str, query: FlightQuery, result: dict[str, Any]) -> Response:
    """Return a result as the file that `query` asks for."""
    parameters = query.model_dump(exclude={"format"})
    text = export.WRITERS[kind, query.format](result, parameters)
    name = export.file_name(kind, parameters, result["gefs"], result["demo"], query.format)
    response = Response(text, mimetype=export.MEDIA_TYPES[query.format])
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@sim.get("/elev")
def elev() -> Response:
    """Return the ground's height."""
    query = _query(PlaceQuery)
    height = float(_predictor().library.ground(_forecast()).at(query.lat, query.lon))
    return json_response({"elevation": round(height, 1)})


@sim.get("/winds")
def winds() -> Response:
    """Return the winds over a place."""
    query = _query(column_query(_settings().members))
    wind = _predictor().library.wind(_forecast(), query.model)
    levels = wind.column(query.lat, query.lon, query.timestamp).tolist()
    return json_response({"levels": [[round(alt, 1), round(u, 3), round(v, 3)] for alt, u, v in levels]})


@sim.get("/models")
def models() -> Response:
    """Return the members of the current cycle."""
    return json_response({"models": _forecast().present()})


@sim.get("/which")
def which() -> Response:
    """Return the current cycle and where the data come from."""
    forecast, library = _forecast(), _predictor().library
    wind, ground = library.first_wind(forecast), library.ground(forecast)
    age = time.time() - forecast.cycle.time
    return json_response(
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
    g.forecast, changed = _predictor().cycles.refresh()
    return json_response({"gefs": str(g.forecast.cycle), "changed": changed})


@sim.get("/status")
def status() -> Response:
    """Return how the server does."""
    predictor = _predictor()
    g.forecast = predictor.cycles.current()
    return json_response(
        {
            "status": "ok",
            "memory_mb": round(psutil.Process().memory_full_info().uss / 1e6, 1),
            "simulator_cache_size": len(predictor.library.names()),
            "prediction_cache_size": len(predictor.flights),
            "active_requests": predictor.runs.active(),
            "gefs_cycle": str(g.forecast.cycle),
            "demo": g.forecast.store.demo,
            "store": g.forecast.store.address,
        }
    )


@sim.get("/cache-status")
def cache_status() -> Response:
    """Return what this worker keeps open or remembers, and what this host has copied."""
    predictor = _predictor()
    names, flights = predictor.library.names(), predictor.flights
    forecast = predictor.cycles.current()
    files, shares = forecast.store.cached(), forecast.store.shares(forecast.cycle)
    return json_response(
        {
            "simulator_cache": {"size": len(names), "max_size": predictor.library.limit(), "entries": names},
            "gefs_cache": {
                "files": len(files),
                "total_size_mb": round(sum(files.values()) / 1e6, 1),
                "present": {name: round(share, 6) for name, share in shares.items()},
            },
            "prediction_cache": {"size": len(flights), "max_size": int(flights.maxsize)},
        }
    )


@probes.get("/health")
def health() -> Response:
    """Return that the process is alive."""
    return json_response({"status": "ok"})


@probes.get("/ready")
def ready() -> Response:
    """Return 200 if a cycle and the elevation are usable."""
    g.forecast = _predictor().cycles.current()
    _predictor().library.first_wind(g.forecast)
    _predictor().library.ground(g.forecast)
    trouble = g.forecast.store.shortage() or _predictor().cycles.trouble()
    if trouble:
        raise UnavailableError(trouble)
    return json_response({"status": "ready", "gefs": str(g.forecast.cycle)})


def main() -> None:
    """Run the development server, with reload."""
    logging.config.dictConfig(logs.configuration(os.environ.get("HABSIM_LOG_FORMAT") or "text"))
    kernel.warm_up()
    app = create_app()
    start_watching(app)
    port = int(os.environ.get("PORT") or 8000)
    run_simple("localhost", port, app, use_reloader=True, threaded=True)


if __name__ == "__main__":
    main()
