# The server alone: `docker build -t daftar .`, or `buildah bud --format docker -t daftar .`; see docs/operating.md, "In a container".
FROM docker.io/library/rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --locked --release --bin daftar

FROM docker.io/library/debian:bookworm-slim
# The token's module is the operator's; SoftHSM is for trying.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends softhsm2 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/daftar --create-home --shell /usr/sbin/nologin daftar
COPY --from=build /src/target/release/daftar /usr/bin/daftar
USER daftar
WORKDIR /etc/daftar
VOLUME /var/lib/daftar
EXPOSE 8443 8080
# Signals reach the server itself: SIGTERM ends it in good order, SIGHUP has it read again what can change.
ENTRYPOINT ["/usr/bin/daftar"]
CMD ["serve", "--config", "/etc/daftar/daftar.toml"]
# Whether the process answers; whether it can serve everybody says /readyz, and no restart mends that.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9090 && printf 'GET /livez HTTP/1.0\r\n\r\n' >&3 && grep -q '^ok' <&3"]
