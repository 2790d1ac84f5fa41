# The published image: compiled JavaScript and its dependencies, no compiler, no development dependencies.
FROM node:26-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY schemas ./schemas
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json && npm prune --omit=dev --ignore-scripts

FROM node:26-bookworm-slim
ENV NODE_ENV=production NEPENTHES_DATA=/data NEPENTHES_SECRETS=/secrets NEPENTHES_LISTEN=0.0.0.0:8080 NEPENTHES_ADMIN_LISTEN=0.0.0.0:8081
WORKDIR /app
COPY --from=build --chown=0:0 /build/package.json ./
COPY --from=build --chown=0:0 /build/node_modules ./node_modules
COPY --from=build --chown=0:0 /build/schemas ./schemas
COPY --from=build --chown=0:0 /build/dist ./dist
# Everything the process writes goes to /data: run it with a read-only root file system and a volume there.
RUN install -d -o 65532 -g 65532 -m 0700 /data
VOLUME ["/data"]
USER 65532:65532
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["node", "-e", "fetch('http://127.0.0.1:8081/readyz').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"]
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["run", "--config", "/config"]
