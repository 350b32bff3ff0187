# The same thing as “make run”: pages, API, jobs and the embedded PostgreSQL in one container, on one port.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

# A name for the user: PostgreSQL refuses to run as root, and as somebody whom the system does not know.
RUN useradd --uid 10001 --home-dir /data --create-home --shell /usr/sbin/nologin andon

WORKDIR /app
COPY requirements.txt constraints.txt ./
RUN pip install -r requirements.txt
COPY app.py ./
COPY assets assets
COPY dashapp dashapp
COPY docs/help docs/help
COPY db db
COPY jobs jobs
COPY pages pages

USER andon
ENV ANDON_HOST=0.0.0.0 ANDON_PORT=8050 ANDON_DATA_DIR=/data
VOLUME /data
EXPOSE 8050

# 200 while readings can be stored and read. The first start makes thirty days of history before it listens.
HEALTHCHECK --interval=10s --timeout=5s --start-period=180s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['ANDON_PORT'] + '/api/v1/health', timeout=4)"]

CMD ["python", "app.py", "serve"]
