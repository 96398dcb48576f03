# HABSIM in a container: one image to serve, one (`--target downloader`) that publishes forecasts, too.
# It may run read-only: it writes to the volume at /app/data alone (and to /tmp or /dev/shm).

FROM debian:trixie-slim AS python
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/*
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PATH=/opt/habsim/bin:$PATH

FROM python AS packages
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv
WORKDIR /build
COPY requirements.lock .
RUN python3 -m venv /opt/habsim \
    && pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r requirements.lock

FROM packages AS grib-packages
COPY requirements-grib.lock .
RUN pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r requirements-grib.lock

FROM python AS habsim
RUN useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin habsim
WORKDIR /app
COPY . .
ENV HABSIM_DATA_DIR=/app/data
ENTRYPOINT ["/app/scripts/entrypoint"]

FROM habsim AS downloader
COPY --from=grib-packages /opt/habsim /opt/habsim
CMD ["python", "scripts/auto_downloader.py", "--mode", "daemon"]

FROM habsim
COPY --from=packages /opt/habsim /opt/habsim
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ.get(\"PORT\") or 8000}/health')"]
CMD ["gunicorn", "--config", "gunicorn_config.py", "app:app"]
