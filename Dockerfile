FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1

RUN useradd --create-home --uid 10001 rollcall \
    && install -d -o rollcall -g rollcall /var/lib/rollcall /var/lib/rollcall/staging

WORKDIR /app
COPY pyproject.toml README.md ./
COPY worker worker
COPY tasks tasks
COPY schedules schedules
COPY sandbox sandbox
RUN pip install .

USER rollcall
WORKDIR /var/lib/rollcall
ENV ROLLCALL_HOME=/var/lib/rollcall

# Commands are given in exec form, with no shell in between that would keep this signal to itself: a worker finishes
# what it is sending before it goes.
STOPSIGNAL SIGTERM
CMD ["rollcall", "--help"]
