# Two images of one program: the last stage is a worker's, `--target full` is for the page, its reports and the simulator
# as well. docs/image.md lists what is in them.
FROM node:24.21.0-bookworm AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json prompts.yaml ./
COPY scripts ./scripts
COPY src ./src
RUN node scripts/build.mjs
RUN node scripts/image-content.mjs worker /image/worker && node scripts/image-content.mjs full /image/full

FROM node:24.21.0-bookworm-slim AS base
ENV NODE_ENV=production
WORKDIR /app
# The base image brings package managers, which nothing here runs. A volume that is mounted at /results begins with the
# owner of this folder.
RUN rm -rf /usr/local/lib/node_modules /usr/local/include /usr/local/share /opt/yarn-* \
      /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg \
  && mkdir /results && chown 1000:1000 /results
# The SDK's native part verifies a server by the system's certificates, which the slim image leaves out.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# `node`, as a number: Kubernetes cannot tell of a name that it is not root.
USER 1000:1000

FROM base AS full
COPY --from=build /image/full ./
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=4 \
  CMD ["node", "--eval", "fetch('http://127.0.0.1:3000').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/cli.js", "serve", "--host", "0.0.0.0", "--port", "3000"]

FROM base AS worker
COPY --from=build /image/worker ./
ENV HEALTH_ADDRESS=127.0.0.1:9465
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=4 \
  CMD ["node", "--eval", "fetch('http://127.0.0.1:9465/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Node is process 1 and gets the signals itself.
CMD ["node", "dist/cli.js", "worker"]
