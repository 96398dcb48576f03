"""The parameters of the API: types, ranges, meanings and defaults, one model a route.

The server parses by these models and the API's documentation is made from them.  The ranges are those of
`habsim.flight`.
"""

from collections.abc import Iterable
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from habsim.errors import InvalidRequestError
from habsim.flight import ALTS, COASTS, COEFFS, LATS, LONS, RATES, FlightPlan

MAX_PERTURBATIONS = 100
_HOUR = 3600.0


def _range(limits: tuple[float, float], meaning: str, unit: str, open_end: bool = False) -> Any:
    """Return the field of a number within `limits`; the upper one is inside unless `open_end`."""
    low, high = limits
    schema: dict[str, Any] = {"x-unit": unit}
    return Field(
        ge=low,
        le=None if open_end else high,
        lt=high if open_end else None,
        description=meaning,
        allow_inf_nan=False,
        json_schema_extra=schema,
    )


class Query(BaseModel):
    """Parameters of one route.  Unknown ones are ignored; empty and repeated ones are errors."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def parse(cls, arguments: Iterable[tuple[str, str]]) -> Self:
        """Return the query made of `arguments`, (name, text) pairs.

        Raises `InvalidRequestError` naming the parameter and what it may be.
        """
        given: dict[str, str] = {}
        for name, text in arguments:
            if name not in cls.model_fields:
                continue
            if name in given:
                raise InvalidRequestError(f"{name} is given more than once")
            given[name] = text
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            name = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
            verb = "must be" if name in given else "is missing: it must be"
            raise InvalidRequestError(f"{name} {verb} {cls.allowed(name)}") from error

    @classmethod
    def allowed(cls, name: str) -> str:
        """Return in words what parameter `name` may be."""
        schema = cls.model_json_schema()["properties"][name]
        if "enum" in schema:
            return " or ".join(schema["enum"])
        if "pattern" in schema:
            return "12 hexadecimal digits"
        if "maxLength" in schema:
            return f"a text of {schema['minLength']} to {schema['maxLength']} characters"
        noun = "a whole number" if schema["type"] == "integer" else "a number"
        below = schema.get("exclusiveMaximum")
        end = f"{schema['maximum']:g}" if below is None else f"below {below:g}"
        return f"{noun} from {schema['minimum']:g} to {end} {schema.get('x-unit', '')}".rstrip()


class PlaceQuery(Query):
    """A place on the ground."""

    lat: Annotated[float, _range(LATS, "latitude, north positive", "degrees")]
    lon: Annotated[float, _range(LONS, "longitude, east positive", "degrees")]


class ColumnQuery(PlaceQuery):
    """The air over a place in one member; see `column_query`."""

    timestamp: Annotated[float, _range((0.0, 1e11), "time, UTC", "Unix seconds")]
    model: int


class FlightQuery(PlaceQuery):
    """A flight plan."""

    timestamp: Annotated[float, _range((0.0, 1e11), "launch time, UTC", "Unix seconds")]
    alt: Annotated[float, _range(ALTS, "launch altitude above mean sea level; raised to the ground", "m")]
    equil: Annotated[float, _range(ALTS, "burst or float altitude, at least alt", "m", open_end=True)]
    eqtime: Annotated[float, _range((0.0, COASTS[1] / _HOUR), "time spent at equil", "hours")]
    asc: Annotated[float, _range(RATES, "ascent rate", "m/s")]
    desc: Annotated[float, _range(RATES, "descent rate; at sea level with descent_model=drag", "m/s")]
    coeff: Annotated[float, _range(COEFFS, "scales the horizontal wind", "times")] = 1.0
    descent_model: Annotated[
        Literal["constant", "drag"],
        Field(description="constant: desc at every height; drag: under a parachute, faster in thinner air"),
    ] = "constant"
    format: Annotated[
        Literal["json", "csv", "kml", "geojson"], Field(description="the same result as a file")
    ] = "json"

    def plan(self) -> FlightPlan:
        """Return the plan; raises `InvalidRequestError` if its parts contradict each other."""
        return FlightPlan(
            time=self.timestamp,
            lat=self.lat,
            lon=self.lon,
            alt=self.alt,
            burst=self.equil,
            coast=self.eqtime * _HOUR,
            ascent=self.asc,
            descent=self.desc,
            coeff=self.coeff,
            parachute=self.descent_model == "drag",
        )


class SingleQuery(FlightQuery):
    """One flight in one member; see `single_query`."""

    model: int


def _member(members: int) -> Any:
    return Field(ge=0, le=members - 1, description="ensemble member, 0 is the control run")


@cache
def single_query(members: int) -> type[SingleQuery]:
    """Return the parameters of a flight in one of that many members."""

    class Limited(SingleQuery):
        model: Annotated[int, _member(members)]

    return Limited


@cache
def column_query(members: int) -> type[ColumnQuery]:
    """Return the parameters of the air over a place in one of that many members."""

    class Limited(ColumnQuery):
        model: Annotated[int, _member(members)]

    return Limited


class EnsembleQuery(FlightQuery):
    """A flight in every member, with launch variations."""

    num_perturbations: Annotated[
        int, Field(ge=1, le=MAX_PERTURBATIONS, description="launch variations flown in each member")
    ] = 20
    wait: Annotated[
        Literal["true", "false"],
        Field(description="false: answer 202 at once, with links to the progress and the result"),
    ] = "true"
    detail: Annotated[
        Literal["places", "full"],
        Field(description="with format=csv: full adds member, variation, altitude and time to each landing"),
    ] = "places"


class TownQuery(Query):
    """The beginning of a town's name."""

    q: Annotated[
        str,
        Field(
            min_length=1,
            max_length=60,
            description="a town's name or its beginning, perhaps a comma and the code of a state or country",
        ),
    ]


class ResultQuery(Query):
    """A finished ensemble."""

    request_id: Annotated[str, Field(pattern="^[0-9a-f]{12}$", description="the request_id of an ensemble")]
