FROM python:3.11-slim AS builder
RUN python -m venv /venv
COPY requirements.lock .
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

FROM python:3.11-slim
# Logs go to the console: a file inside a container is lost with it.
ENV FLASK_ENV=production HOST=0.0.0.0 LOG_FILE= PYTHONUNBUFFERED=1 PATH=/venv/bin:$PATH
WORKDIR /app
COPY --from=builder /venv /venv
COPY . .
# The code stays root's: the service can write to its data only.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin latchkey \
    && chown -R 10001:10001 instance uploads
# After chown: what is changed in a volume later in the build may be discarded.
VOLUME ["/app/instance", "/app/uploads"]
# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
EXPOSE 5000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "-c", \
    "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT', '5000')}/healthz\", timeout=4)"]
CMD ["python", "app.py"]
