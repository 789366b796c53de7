# The image of every service. Built in one stage, run in another that holds no compiler, no cache and no sources.

FROM python:3.12.12-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/rollcall
COPY constraints.txt pyproject.toml README.md ./
COPY worker worker
COPY tasks tasks
COPY schedules schedules
COPY sandbox sandbox
RUN /opt/rollcall/bin/python -m pip install --constraint constraints.txt '.[s3]'

FROM python:3.12.12-slim-bookworm
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin rollcall \
    && install -d -o rollcall -g rollcall /var/lib/rollcall/staging
COPY --from=build /opt/rollcall /opt/rollcall
ENV PATH=/opt/rollcall/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /var/lib/rollcall

# Commands are given in exec form, with no shell in between that would keep this signal to itself: a worker finishes
# what it is sending before it goes.
STOPSIGNAL SIGTERM
CMD ["rollcall", "--help"]
