"""The API's description: true of every answer, and made from the table by which the server parses."""

from typing import Any

import hypothesis
import pytest
import schemathesis
from flask import Flask
from schemathesis import Case

from habsim.cycle import Cycle
from habsim.openapi import document
from tests.service import application, get
from tests.stores import publish_cycle, publish_elevation

MEMBERS = 2
EPOCH = Cycle("1970010100")  # its forecast holds every timestamp that the API takes
FOREVER = 2e11  # s

api = schemathesis.openapi.from_dict(document(MEMBERS))


# Has parameters because only they tell the tests of Schemathesis apart: Pytest 9.2 gives the others one name,
# and pytest-xdist runs one test of each name.
@pytest.fixture(scope="module", params=[MEMBERS])
def served(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    store = publish_cycle(tmp_path_factory.mktemp("store"), EPOCH, [(10.0, 5.0)] * MEMBERS, span=FOREVER)
    publish_elevation(store, plateau=0.0)  # under which no burst can be
    return application(store, tmp_path_factory.mktemp("data"), MEMBERS)


@api.parametrize()
@hypothesis.settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_every_answer_is_as_documented(case: Case[Any], served: Flask) -> None:
    if case.meta is not None and case.meta.generation.mode.is_positive and "equil" in case.query:
        # What the table of parameters cannot say: a burst is not below the launch.
        case.query["alt"] = min(case.query["alt"], case.query["equil"])
    # The client that Schemathesis calls an application by claims to take compressed answers, and does not.
    case.headers["Accept-Encoding"] = "identity"
    case.call_and_validate(app=served)


def test_the_server_hands_out_the_description(served: Flask) -> None:
    description = get(served.test_client(), "/openapi.json")
    assert description == document(MEMBERS)
    assert description["openapi"].startswith("3.1")


def test_the_description_is_well_formed() -> None:
    api.validate()  # by the schema of OpenAPI 3.1


def test_every_route_of_the_api_is_described(served: Flask) -> None:
    described = document(MEMBERS)["paths"]
    for rule in served.url_map.iter_rules():
        if rule.rule.startswith("/sim/") or rule.rule in ("/health", "/ready"):
            methods = {method.lower() for method in rule.methods or ()} - {"head", "options"}
            assert set(described[rule.rule]) == methods, rule.rule


@pytest.mark.parametrize("members", [1, 21])
def test_the_members_that_may_be_asked_for_are_those_configured(members: int) -> None:
    parameters = document(members)["paths"]["/sim/singlezpb"]["get"]["parameters"]
    model = next(parameter["schema"] for parameter in parameters if parameter["name"] == "model")
    assert (model["type"], model["minimum"], model["maximum"]) == ("integer", 0, members - 1)


def test_every_parameter_is_described_in_words_with_its_unit() -> None:
    for path in document(MEMBERS)["paths"].values():
        for operation in path.values():
            for parameter in operation["parameters"]:
                assert len(parameter["description"]) > 10, parameter
                if parameter["schema"]["type"] == "number":
                    assert "," in parameter["description"], parameter
