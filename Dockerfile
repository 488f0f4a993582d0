# syntax=docker/dockerfile:1
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# .dockerignore names what belongs to the build.
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin corelane \
 && install -D target/release/corelane /out/corelane

FROM debian:bookworm-slim
# redis-cli is what the health check asks with, and what an operator looks for first.
RUN apt-get update \
 && apt-get install -y --no-install-recommends redis-tools \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 999 corelane \
 && useradd --system --uid 999 --gid corelane --home-dir /data --shell /usr/sbin/nologin corelane \
 && install -d -o corelane -g corelane /data
COPY --from=build /out/corelane /usr/local/bin/corelane
COPY LICENSE /usr/share/doc/corelane/LICENSE
COPY config/corelane.conf /etc/corelane/corelane.conf
USER corelane
WORKDIR /data
VOLUME /data
EXPOSE 6379
STOPSIGNAL SIGTERM
# A server with a password is reached through REDISCLI_AUTH.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD redis-cli -h 127.0.0.1 -p 6379 ping | grep -qE 'PONG|NOAUTH'
# Inside the container every interface belongs to the container; what is published is decided outside. io_uring must be
# allowed by the seccomp profile (`--security-opt seccomp=...`), as the server says when it is refused.
ENTRYPOINT ["/usr/local/bin/corelane"]
CMD ["/etc/corelane/corelane.conf", "--bind", "*", "-::*", "--protected-mode", "no", "--dir", "/data"]
