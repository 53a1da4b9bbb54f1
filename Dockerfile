# One image for all roles: web (the default command), scheduler, workers, supervisor, migrate.
# compose.yaml shows how they go together, docs/production.md says the rest.
#
#   docker build -t batchweb .
#
# Any base will do that has Python 3.11 or newer with venv and pip, and the CA certificates.
ARG BASE_IMAGE=python:3.13-slim-bookworm
FROM ${BASE_IMAGE}

ARG UV_VERSION=0.13.9
RUN python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir --quiet "uv==${UV_VERSION}" \
    && groupadd --gid 10001 batchweb \
    && useradd --uid 10001 --gid batchweb --no-create-home --home-dir /var/lib/batchweb batchweb \
    && install -d -o batchweb -g batchweb -m 0750 /var/lib/batchweb

WORKDIR /app
# The packages first: they change less often than the code, and their layer is kept.
COPY pyproject.toml uv.lock ./
RUN /opt/uv/bin/uv sync --frozen --quiet --no-cache --compile-bytecode \
    --no-dev --no-group embedded --python python3 --no-managed-python

COPY manage.py ./
COPY batchweb batchweb
COPY jobs jobs
COPY templates templates
COPY static static
# What the pages below /docs/ show.
COPY docs/api.md docs/events.md docs/

ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=batchweb.settings.prod \
    BATCHWEB_VAR=/var/lib/batchweb \
    BATCHWEB_STATIC_ROOT=/app/staticfiles

# Static files get names made of their content, so that a browser may keep them for ever. The values
# are stand-ins: production's settings must be given when a container is started.
RUN python -m compileall -q batchweb jobs \
    && BATCHWEB_SECRET_KEY=only-to-collect BATCHWEB_ALLOWED_HOSTS=localhost \
       DATABASE_URL=sqlite:////tmp/none REDIS_URL=redis://localhost \
       python manage.py collectstatic --noinput --verbosity 0

USER batchweb
VOLUME /var/lib/batchweb
EXPOSE 8000
STOPSIGNAL SIGTERM
# Of the web role. compose.yaml switches it off for the others, which answer nobody.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-m", "batchweb.healthcheck"]
CMD ["python", "-m", "uvicorn", "batchweb.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--no-proxy-headers", "--no-access-log", "--timeout-graceful-shutdown", "5"]
