# Everything that is installed and compiled is the same on every processor, so it is made once, on the builder's own:
#   docker buildx build --platform linux/amd64,linux/arm64 --tag REPOSITORY:VERSION --push .
# `npm run image` carries out the same steps without Docker; keep to the instructions that deploy/image knows.
# With glibc: the agent runs the nvidia-smi of the node's driver, which needs it, and so cannot run on Alpine.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts
# Declarations and source maps are half of it, and nothing reads them at run time.
RUN find node_modules -type f '(' -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' ')' -delete

FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json --declaration false --sourceMap false

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title=aidc-operator org.opencontainers.image.licenses=Apache-2.0
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["operator"]
