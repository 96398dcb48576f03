"""How log lines look: `LEVEL: [WORKER n] text`, or one JSON object a line."""

import json
import logging
from datetime import UTC, datetime
from typing import Any, ClassVar

from habsim.errors import SettingsError


class Formatter(logging.Formatter):
    """Writes `LEVEL: [WORKER n] text`, and the trace of an exception below."""

    worker: ClassVar[int | None] = None  # set once in each worker

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record`."""
        where = "" if Formatter.worker is None else f"[WORKER {Formatter.worker}] "
        return f"{record.levelname}: {where}{super().format(record)}"


class JsonFormatter(logging.Formatter):
    """Writes time (RFC 3339, UTC, ms), level, worker, logger, message and, if there is one, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record`."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname,
            "worker": Formatter.worker,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


_FORMS = {"text": Formatter, "json": JsonFormatter}


def configuration(form: str = "text") -> dict[str, Any]:
    """Return the configuration for `logging.config.dictConfig`: everything from INFO up, to stderr.

    `form` is text or json; raises `SettingsError` for any other.
    """
    if form not in _FORMS:
        raise SettingsError(f"HABSIM_LOG_FORMAT must be text or json, not {form!r}")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": _FORMS[form]}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": "INFO", "handlers": ["stderr"]},
        "loggers": {
            "gunicorn.error": {"level": "INFO", "handlers": ["stderr"], "propagate": False},
            "gunicorn.access": {"level": "WARNING", "propagate": False},
        },
    }
