# One image for every service of Yanchen; compose picks the command.
FROM node:22-bookworm-slim AS node

FROM python:3.13-slim-bookworm AS build
# The wall's chart library is fetched by its package name while the wheel is built.
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
WORKDIR /src
COPY . .
RUN python -m venv /opt/yanchen \
 && /opt/yanchen/bin/pip install --no-cache-dir -c constraints.txt .

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --create-home yanchen
COPY --from=build /opt/yanchen /opt/yanchen
COPY --from=build /src/deploy /opt/yanchen/deploy
ENV PATH=/opt/yanchen/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    YANCHEN_LOG_FORMAT=json \
    YANCHEN_HEARTBEAT=/run/yanchen/heartbeat
RUN mkdir -p /run/yanchen && chown yanchen /run/yanchen
USER yanchen
EXPOSE 8000 9212
ENTRYPOINT ["yanchen"]
CMD ["--help"]
