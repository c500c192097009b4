# docker build -t musicfleet .
# docker run -d --name fleet -v fleet:/data -v ~/Music:/music:ro musicfleet
# docker exec fleet fleet scan /music
#
# The page: -p 8310:8310 -e FLEET_WEB=0.0.0.0:8310 -e FLEET_WEB_PASSWORD=… after `run -d`.

FROM python:3.13-slim AS wheel
COPY . /source
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel /source

FROM python:3.13-slim
COPY --from=wheel /wheel /wheel
RUN pip install --no-cache-dir "$(echo /wheel/musicfleet-*.whl)[postgres]" \
    && useradd --create-home --uid 1000 fleet \
    && install -d -o fleet -g fleet -m 700 /data
USER fleet
ENV FLEET_DATA_DIR=/data
VOLUME /data
WORKDIR /data
# supervisord is process 1 and reaps what the programs leave. On SIGTERM the workers put their jobs
# back; allow it `docker stop --time 60`.
CMD ["fleet", "up", "--foreground"]
