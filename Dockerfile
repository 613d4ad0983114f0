FROM python:3.11-slim-bookworm AS builder
WORKDIR /build
RUN python -m venv /venv
COPY requirements.lock .
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock \
    && /venv/bin/pip uninstall --disable-pip-version-check --yes pip setuptools

FROM python:3.11-slim-bookworm
# Logs go to the console: a file inside a container is lost with it. A .env that is mounted is read by the service itself, which
# says what is wrong with it, where Flask's command line would show a traceback.
ENV FLASK_ENV=production HOST=0.0.0.0 LOG_FILE="" PYTHONUNBUFFERED=1 FLASK_SKIP_DOTENV=1 PATH=/venv/bin:$PATH
# By number below, so that an orchestrator can see that it is not root.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin latchkey
WORKDIR /app
COPY --from=builder /venv /venv
COPY . .
# The code stays root's, readable whatever the umask of the checkout was, and is compiled here: the service writes to its
# two volumes and to /tmp, nowhere else.
RUN python -m compileall -q . && chmod -R a+rX . && mkdir instance uploads && chown 10001:10001 instance uploads
# After chown: what is changed in a volume later in the build may be discarded.
VOLUME ["/app/instance", "/app/uploads"]
USER 10001:10001
EXPOSE 5000
# Not by urllib, which would ask a proxy that the environment names.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "-IS", "-c", "\
import http.client, os, ssl; \
place = '127.0.0.1', int(os.environ.get('PORT') or 5000); \
secret = ssl._create_unverified_context() if os.environ.get('TLS_CERT_FILE') else None; \
line = http.client.HTTPSConnection(*place, timeout=4, context=secret) if secret else http.client.HTTPConnection(*place, timeout=4); \
line.request('GET', '/healthz'); \
raise SystemExit(line.getresponse().status != 200)"]
CMD ["python", "app.py"]
