# syntax=docker/dockerfile:1
# One static binary in an empty image. PostgreSQL is not in it: set DATABASE_URL.

FROM node:22-alpine AS admin
WORKDIR /src/admin
COPY admin/package.json admin/package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY admin/ ./
COPY web/follow.js ../web/
RUN npm run build

FROM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
COPY --from=admin /src/admin/dist admin/dist
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/dateline ./cmd/dateline \
    && mkdir /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/dateline /dateline
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
ENV DATELINE_LISTEN=0.0.0.0:8080 \
    DATELINE_METRICS_LISTEN=0.0.0.0:9090 \
    DATELINE_DATA_DIR=/data
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/dateline", "health"]
ENTRYPOINT ["/dateline"]
CMD ["serve"]
