"""What a line of the log looks like, in text and as JSON."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from habsim.errors import SettingsError
from habsim.logs import Formatter, configuration

ROOT = Path(__file__).parent.parent
INSTANT = 1_767_225_600.25  # 2026-01-01T00:00:00.250Z


@pytest.fixture
def third_worker() -> Iterator[None]:
    Formatter.worker = 3
    yield
    Formatter.worker = None


def line(form: str, message: str, *arguments: object, error: BaseException | None = None) -> str:
    """Return how `form` writes a warning of `INSTANT`."""
    cause = None if error is None else (type(error), error, error.__traceback__)
    record = logging.LogRecord("habsim.runs", logging.WARNING, __file__, 1, message, arguments, cause)
    record.created = INSTANT
    formatter: logging.Formatter = configuration(form)["formatters"]["line"]["()"]()
    return formatter.format(record)


def object_of(text: str) -> dict[str, Any]:
    """Return the object of a JSON line, which must be one line and ASCII."""
    assert len(text.splitlines()) == 1
    assert text.isascii()
    found: dict[str, Any] = json.loads(text)
    return found


def failure() -> BaseException:
    """Return an error with its trace."""
    try:
        raise ValueError('first line\nsecond "line"')
    except ValueError as error:
        return error


def test_text_is_level_worker_and_message(third_worker: None) -> None:
    assert line("text", "retry %d of %d", 2, 5) == "WARNING: [WORKER 3] retry 2 of 5"


def test_before_the_fork_text_names_no_worker() -> None:
    assert line("text", "store %s", "data/store") == "WARNING: store data/store"


def test_text_is_the_form_where_none_is_named() -> None:
    assert configuration() == configuration("text")


def test_json_holds_the_same_and_when_and_whence(third_worker: None) -> None:
    assert object_of(line("json", "retry %d of %d", 2, 5)) == {
        "time": "2026-01-01T00:00:00.250Z",
        "level": "WARNING",
        "worker": 3,
        "logger": "habsim.runs",
        "message": "retry 2 of 5",
    }


def test_before_the_fork_the_worker_is_null() -> None:
    assert object_of(line("json", "store"))["worker"] is None


@pytest.mark.parametrize(
    "message", ["a\nb", "a\r\nb", 'a"b\\c', "a\u2028b", "a\x00\x1bb", "Zürich 🎈", "lone \udc80 surrogate"]
)
def test_no_message_breaks_a_json_line(message: str) -> None:
    assert object_of(line("json", "%s", message))["message"] == message


def test_a_trace_is_part_of_its_json_line() -> None:
    found = object_of(line("json", "500 %s", "/sim/elev", error=failure()))
    assert found["message"] == "500 /sim/elev"
    trace = found["exception"].splitlines()
    assert trace[0] == "Traceback (most recent call last):"
    assert trace[-2:] == ["ValueError: first line", 'second "line"']


def test_a_trace_follows_its_text_line() -> None:
    lines = line("text", "500 %s", "/sim/elev", error=failure()).splitlines()
    assert lines[:2] == ["WARNING: 500 /sim/elev", "Traceback (most recent call last):"]


def test_everything_from_info_up_goes_to_stderr_a_line_each() -> None:
    program = (
        "import logging, logging.config\n"
        "from habsim import logs\n"
        "logging.config.dictConfig(logs.configuration('json'))\n"
        "for name in ('gefs', 'gunicorn.error', 'gunicorn.access'):\n"
        "    logging.getLogger(name).debug('%s', 'not this')\n"
        "    logging.getLogger(name).info('two\\nlines')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout == ""
    found = [object_of(text) for text in ended.stderr.splitlines()]
    assert [(each["logger"], each["message"]) for each in found] == [
        ("gefs", "two\nlines"),
        ("gunicorn.error", "two\nlines"),
    ]


def test_an_unknown_form_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"^HABSIM_LOG_FORMAT must be text or json, not 'xml'$"):
        configuration("xml")


def test_the_server_does_not_start_with_an_unknown_form() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", "gunicorn_config.py", "app:app"],
        cwd=ROOT,
        env={**os.environ, "HABSIM_LOG_FORMAT": "xml"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert "HABSIM_LOG_FORMAT must be text or json, not 'xml'" in ended.stderr
