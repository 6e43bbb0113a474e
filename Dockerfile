# docker build --tag peerwatt .
# docker run --rm --volume "$PWD:/home/peerwatt/here" --workdir /home/peerwatt/here peerwatt run street.yaml
FROM python:3.11-slim

# Kernels are compiled while the image is built, for any CPU of its kind: the machine that runs it
# is another one.
ENV NUMBA_CPU_NAME=generic \
    NUMBA_CPU_FEATURES= \
    NUMBA_CACHE_DIR=/opt/peerwatt/kernels \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /opt/peerwatt/source
COPY . .
RUN python -m pip install --constraint constraints.txt .

RUN useradd --create-home --uid 1000 peerwatt \
    && mkdir --parents "$NUMBA_CACHE_DIR" \
    && chown peerwatt "$NUMBA_CACHE_DIR"
USER peerwatt

# A run of each kind meets the kernels that runs need; whoever is `--user` may add to them.
RUN peerwatt run scenarios/village.yaml --no-report --quiet --out /tmp/runs \
    && peerwatt run scenarios/island.yaml --no-report --quiet --out /tmp/runs \
    && rm -r /tmp/runs \
    && chmod -R a+rwX "$NUMBA_CACHE_DIR"

WORKDIR /home/peerwatt
ENTRYPOINT ["peerwatt"]
CMD ["--help"]
