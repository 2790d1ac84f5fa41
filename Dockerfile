# The published image: compiled JavaScript and its dependencies, no compiler, no development dependencies.
# What runs it can be exchanged for any base with node on its PATH: the last stage runs no command and needs no shell.
ARG RUNTIME=node:26.10.0-bookworm-slim

FROM node:26.10.0-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json LICENSE README.md CHANGELOG.md ./
COPY src ./src
COPY scripts ./scripts
COPY docs ./docs
COPY crds ./crds
COPY schemas ./schemas
COPY examples ./examples
# What is published for npm, installed: without what development needs.
RUN node scripts/package.ts
WORKDIR /build/dist/nepenthes-operator
RUN npm ci --ignore-scripts
# What is in the image, for scanners: CycloneDX, of what is really installed.
RUN npm sbom --sbom-format=cyclonedx --sbom-type=application > sbom.cdx.json
RUN install -d -m 0700 /build/data

FROM ${RUNTIME}
ENV NODE_ENV=production NEPENTHES_DATA=/data NEPENTHES_SECRETS=/secrets NEPENTHES_LISTEN=0.0.0.0:8080 NEPENTHES_ADMIN_LISTEN=0.0.0.0:8081
WORKDIR /app
COPY --from=build --chown=0:0 /build/dist/nepenthes-operator ./
# Everything the process writes goes to /data: run it with a read-only root file system and a volume there.
COPY --from=build --chown=65532:65532 /build/data /data
VOLUME ["/data"]
USER 65532:65532
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["node", "-e", "fetch('http://127.0.0.1:8081/readyz').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"]
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["run", "--config", "/config"]
