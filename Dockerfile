# syntax=docker/dockerfile:1

# The service in one image, for every role: `lipwright serve` is the default command.
#
#   docker build -t lipwright .                                      # CPU
#   docker build -t lipwright --build-arg TORCH_BACKEND=cu128 .      # NVIDIA GPUs
#
# The wheels of PyTorch bring CUDA's libraries; the host needs only the driver and NVIDIA's container toolkit.

ARG PYTHON=3.12

FROM python:${PYTHON}-slim-bookworm AS build
ARG TORCH_BACKEND=cpu
ENV UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1
RUN pip install --no-cache-dir "uv>=0.9"
WORKDIR /build
# The libraries first: this layer is kept as long as their list stays the same.
COPY pyproject.toml README.md LICENSE NOTICE ./
RUN uv venv /opt/lipwright \
 && uv pip install --no-cache --python /opt/lipwright/bin/python --torch-backend="${TORCH_BACKEND}" \
      --requirements pyproject.toml --extra serve --extra s3
COPY src ./src
RUN uv pip install --no-cache --python /opt/lipwright/bin/python --no-deps .
# The face detector and mesh, so that a container without a way out works, too.
RUN LIPWRIGHT_CACHE=/opt/lipwright-cache /opt/lipwright/bin/lipwright weights pull faces

FROM python:${PYTHON}-slim-bookworm AS run
ENV PATH=/opt/lipwright/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LIPWRIGHT_HOST=0.0.0.0 \
    LIPWRIGHT_PORT=8000 \
    LIPWRIGHT_DATA=/data \
    LIPWRIGHT_CACHE=/cache \
    LIPWRIGHT_CREDENTIALS=/data/credentials \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,video,utility
# A fixed number, so that folders of the host can be given to it.
RUN groupadd --gid 10001 lipwright \
 && useradd --uid 10001 --gid lipwright --no-create-home --home-dir /data --shell /usr/sbin/nologin lipwright \
 && install -d -o lipwright -g lipwright /data /cache
COPY --from=build /opt/lipwright /opt/lipwright
COPY --from=build --chown=lipwright:lipwright /opt/lipwright-cache /cache
USER lipwright
WORKDIR /data
VOLUME ["/data", "/cache"]
EXPOSE 8000
# Running jobs may finish within LIPWRIGHT_DRAIN_S; give `docker stop` more time than that.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['LIPWRIGHT_PORT'] + '/healthz', timeout=4)"]
ENTRYPOINT ["lipwright"]
CMD ["serve"]
