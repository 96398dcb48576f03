"""How log lines look: `LEVEL: [WORKER n] text`."""

import logging
from typing import Any


class Formatter(logging.Formatter):
    """Writes `LEVEL: [WORKER n] text`, and the trace of an exception below."""

    worker = ""  # set once in each worker

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record`."""
        where = f"[WORKER {self.worker}] " if self.worker else ""
        return f"{record.levelname}: {where}{super().format(record)}"


def configuration() -> dict[str, Any]:
    """Return the configuration for `logging.config.dictConfig`: everything from INFO up, to stderr."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": Formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": "INFO", "handlers": ["stderr"]},
        "loggers": {
            "gunicorn.error": {"level": "INFO", "handlers": ["stderr"], "propagate": False},
            "gunicorn.access": {"level": "WARNING", "propagate": False},
        },
    }
