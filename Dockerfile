# Built in two steps, so that the image carries neither pip's leavings nor what only building needs.

FROM python:3.11-slim AS build
WORKDIR /build
RUN python -m venv /venv
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN pip install --no-cache-dir --require-hashes --requirement requirements/build.txt \
    && /venv/bin/pip install --no-cache-dir --require-hashes --requirement requirements/runtime.txt
COPY pyproject.toml README.md ./
COPY schema schema
COPY resolvers resolvers
COPY domain domain
COPY persistence persistence
COPY gateway gateway
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist . \
    && /venv/bin/pip install --no-cache-dir --no-deps dist/*.whl \
    && /venv/bin/pip uninstall --yes pip setuptools

FROM python:3.11-slim
RUN useradd --uid 10001 --create-home --home-dir /data orderloom
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
USER orderloom
# Where relative paths lead: with the default SQLite database, this is what must be kept.
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/health'); raise SystemExit(c.getresponse().status != 200)"]
CMD ["orderloom", "serve", "--host", "0.0.0.0", "--port", "8000"]
