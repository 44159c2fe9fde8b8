# The container image: built and tested on Debian 13, then only the programs, the libraries that they load and the
# authorities that TLS trusts. docs/kubernetes.md says what is in it; deploy/image-test.sh builds and tries it.
FROM docker.io/library/debian:13-slim AS build
WORKDIR /src
COPY deploy/install-deps.sh deploy/
RUN apt-get update -qq && deploy/install-deps.sh --unit-tests && rm -rf /var/lib/apt/lists/*

COPY . .
ENV CCACHE_BASEDIR=/src CCACHE_NOHASHDIR=1
# Without what debuggers read: it is stripped anyway.
RUN --mount=type=cache,target=/root/.cache/ccache \
    cmake --preset release -DCMAKE_CXX_FLAGS_RELWITHDEBINFO='-O2 -DNDEBUG' && \
    cmake --build --preset release --target token-broker tokenctl unit_tests
RUN ctest --preset release -L unit
RUN deploy/image-root.sh /image

FROM scratch
COPY --from=build /image/ /
USER 65532:65532
EXPOSE 7070
LABEL org.opencontainers.image.title="token-broker" \
      org.opencontainers.image.description="A gRPC service that owns OAuth tokens" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.base.name="docker.io/library/debian:13-slim"
ENTRYPOINT ["/usr/bin/token-broker"]
