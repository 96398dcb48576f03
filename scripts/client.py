"""HABSIM without a server, for notebooks and scripts that run from the checkout.

    from scripts.client import Client
    client = Client("mystore")  # or Client(): what HABSIM_STORE says, or the demonstration
    client.ensemble(timestamp=1795723200, lat=37.4, lon=-121.9, alt=24, equil=30000, eqtime=0, asc=4, desc=8)

Parameters have the names, ranges and defaults of the HTTP API, and the same question has the same answer.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from elev import Elevation, publish_embedded
from gefs import Cycles
from habsim import kernelcache
from habsim.answer import check_enough, compose
from habsim.default_store import DefaultStore
from habsim.ensemble import Ensemble
from habsim.errors import HabsimError, OutsideForecastError, SettingsError
from habsim.flight import FlightPlan
from habsim.points import paths, rounded
from habsim.query import EnsembleQuery, SingleQuery, single_query
from habsim.settings import S3Settings, Settings
from habsim.stores import ELEVATION, FolderStore
from habsim.trajectory import Flown, fly
from windfile import WindFile

Json = dict[str, Any]


class Client:
    """Flights in one cycle: the current one of a store when this was made."""

    def __init__(
        self, store: str | Path | None = None, members: int | None = None, data: Path | None = None
    ) -> None:
        """Use the folder `store` with `members` members; by default what the environment says.

        In `data` it keeps the demonstration, and which cycle it took.

        Raises `StoreError` if there is no usable cycle, `BadFileError` if the elevation is unusable, and
        `SettingsError` if the store is a bucket.
        """
        told = {"HABSIM_STORE": store, "HABSIM_MEMBERS": members, "HABSIM_DATA_DIR": data}
        changes = {name: str(value) for name, value in told.items() if value is not None}
        settings = Settings.from_environment({**os.environ, **changes})
        kernelcache.keep_in(settings.data_dir / "kernels")
        self._folder = _folder(settings)
        cycles = Cycles(lambda: self._folder, settings.members, settings.data_dir / "client")
        self._forecast = cycles.look()[0]
        self._ground = Elevation.open(self._folder.folder / ELEVATION)
        self._winds: dict[int, WindFile] = {}
        self.cycle = str(self._forecast.cycle)
        self.members = settings.members
        self.demo = self._folder.demo

    def flight(self, **parameters: Any) -> Json:
        """Return one flight: `phases` as the API gives them, `gefs` and `demo`.

        Raises `InvalidRequestError` naming the parameter that is wrong.
        """
        query = self.flight_query(**parameters)
        plan = self._raised(query.plan())
        flown = fly(self._wind(query.model), self._ground, plan.columns(), plan.parachute)
        phases = [rounded(phase).tolist() for phase in paths([flown])[0]]
        return {"phases": phases, "gefs": self.cycle, "demo": self.demo}

    def flight_query(self, **parameters: Any) -> SingleQuery:
        """Return the parameters of a flight, their defaults filled in."""
        return single_query(self.members).parse((name, str(value)) for name, value in parameters.items())

    def ensemble(self, tell: Callable[[int, int], None] | None = None, **parameters: Any) -> Json:
        """Return an ensemble as the API gives it; `tell` gets the members done and their number.

        Raises `InvalidRequestError` naming the parameter that is wrong, and `UnavailableError` if too many
        members cannot be used.
        """
        query = ensemble_query(**parameters)
        ensemble = Ensemble(self._raised(query.plan()), self.members, query.num_perturbations)
        flights = ensemble.flights(self._ground)
        flown: list[Flown | None] = []
        failed: dict[int, HabsimError] = {}
        for member in range(self.members):
            try:
                flown.append(fly(self._wind(member), self._ground, flights[member], ensemble.plan.parachute))
            except OutsideForecastError:
                raise
            except HabsimError as error:
                flown.append(None)
                failed[member] = error
            if tell is not None:
                tell(member + 1, self.members)
        check_enough(failed, self.members, self.cycle)
        identity = ensemble.key(self.cycle, self._forecast.identity())
        answer, _ = compose(
            flown, ensemble.plan, self._ground, identity, self.cycle, self.demo, partial=False
        )
        del answer["landing"]["density"]["image"]  # which a server would have
        plain: Json = orjson.loads(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY))
        return plain

    def window(
        self, interval: float, count: int, tell: Callable[[int, int], None] | None = None, **parameters: Any
    ) -> Iterator[tuple[float, Json]]:
        """Yield `count` launch times, `interval` seconds apart from `timestamp` on, and their ensembles."""
        for number in range(count):
            time = float(parameters["timestamp"]) + number * interval
            yield time, self.ensemble(**{**parameters, "timestamp": time})
            if tell is not None:
                tell(number + 1, count)

    def _raised(self, plan: FlightPlan) -> FlightPlan:
        return plan.raised(float(self._ground.at(plan.lat, plan.lon)))

    def _wind(self, member: int) -> WindFile:
        if member not in self._winds:
            name = self._forecast.cycle.member_file(member)
            self._winds[member] = WindFile.open(self._folder.folder / name)
        return self._winds[member]


def ensemble_query(**parameters: Any) -> EnsembleQuery:
    """Return the parameters of an ensemble, their defaults filled in."""
    return EnsembleQuery.parse((name, str(value)) for name, value in parameters.items())


def _folder(settings: Settings) -> FolderStore:
    """Return the folder that `settings` ask for, with a demo cycle if nothing is configured."""
    if isinstance(settings.store, S3Settings):
        raise SettingsError(
            f"only folders are read without a server, not s3://{settings.store.bucket}: copy a cycle to one, "
            "or ask a server"
        )
    if settings.store is not None:
        return FolderStore(settings.store)
    default = DefaultStore(settings.data_dir, settings.members, publish_embedded)
    default.prepare()
    return default.chosen()
