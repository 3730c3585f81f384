# streamtrack in a container: its only state is /state, its root may be read-only.
#
#   docker build -t streamtrack .                                            CPU
#   docker build -t streamtrack:cuda --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 .
#
# How to run it: docs/operations.md.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
ARG TORCH="torch==2.14.1 torchvision==0.29.1"
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# More of pyproject.toml: detect, parquet, ptz, mqtt, supervision
ARG EXTRAS=mqtt,ptz
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/streamtrack
ENV PATH=/opt/streamtrack/bin:$PATH
# torch first: sam2 names it as a build requirement. SAM2_BUILD_CUDA=0: its extension is not used.
RUN pip install ${TORCH} --index-url ${TORCH_INDEX} && pip install "setuptools>=77" wheel
RUN SAM2_BUILD_CUDA=0 pip install --no-build-isolation "sam2>=1.1,<2"
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY checkpoints/ checkpoints/
COPY streamtrack/ streamtrack/
RUN pip install --no-build-isolation ".[${EXTRAS}]"

FROM python:${PYTHON}-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin streamtrack \
    && install -d -o streamtrack -m 0700 /state
COPY --from=build /opt/streamtrack /opt/streamtrack
COPY deploy/container.yaml /etc/streamtrack/live.yaml
# Whatever is written at run time, compiled networks and downloaded weights included, is written into /state.
ENV PATH=/opt/streamtrack/bin:$PATH HOME=/state XDG_CACHE_HOME=/state/cache PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /state
VOLUME /state
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["streamtrack"]
CMD ["serve", "/etc/streamtrack/live.yaml", "--state-dir", "/state", "--supervise"]
