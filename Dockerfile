# repobench without models: mines, checks, scores, reports, publishes. Build from the root of the repository:
#   docker build -t repobench .
ARG BASE=python:3.11-slim
FROM ${BASE}
WORKDIR /opt/repobench
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY repopeftbench repopeftbench
COPY code2lora code2lora
COPY harness harness
COPY sandboxes sandboxes
ARG EXTRAS=report
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --constraint constraints.txt ".[${EXTRAS}]"
# Not root; whoever runs the container can be named with --user.
RUN useradd --uid 1000 --create-home bench && mkdir /data && chown bench /data
ENV PATH=/opt/venv/bin:$PATH OMP_NUM_THREADS=1 HF_HOME=/data/.cache/huggingface XDG_CACHE_HOME=/data/.cache
USER bench
WORKDIR /data
ENTRYPOINT ["repobench"]
CMD ["--help"]
