# neurodeploy on CPUs, with Lava beside it:  docker build -t neurodeploy .
#   docker run --rm -v "$PWD/runs:/runs" neurodeploy run digits --out /runs/digits
# Not built in CI, which has no Docker: each line of it is a command that README or docs/install.md gives.
FROM python:3.11-slim

# PyTorch's own index has builds without CUDA; from the package index Linux gets several GB of it.
RUN pip install --no-cache-dir torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu

WORKDIR /src
COPY . .
RUN pip install --no-cache-dir -c constraints.txt . \
    && neurodeploy frameworks setup

# Lava 0.10.0 needs a Python 3.10 of its own.
ENV NEURODEPLOY_LAVA_ENV=/opt/lava
RUN pip install --no-cache-dir uv && UV_PYTHON_INSTALL_DIR=/opt/python uv python install 3.10 \
    && UV_PYTHON_INSTALL_DIR=/opt/python neurodeploy lava setup

ENV UV_PYTHON_INSTALL_DIR=/opt/python
RUN useradd --create-home user && mkdir /runs && chown user /runs
USER user
WORKDIR /runs
ENTRYPOINT ["neurodeploy"]
CMD ["--help"]
