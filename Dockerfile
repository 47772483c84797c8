# The service as an image, models inside.
#
#   docker build -t serialeye .
#   docker run --rm serialeye serialeye read - < photo.jpg
#   docker compose up
FROM debian:12-slim AS build
WORKDIR /source
COPY . .
RUN tools/deb --setup

FROM debian:12-slim
COPY --from=build /source/build-deb/*.deb /packages/
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends libheif1 /packages/*.deb \
 && rm -rf /packages /var/lib/apt/lists/* \
 && install -d -o serialeye -g serialeye -m 750 /var/lib/serialeye
ENV XDG_DATA_HOME=/var/lib
USER serialeye
VOLUME /var/lib/serialeye
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["/usr/libexec/serialeye/ready"]
CMD ["serialeye", "serve", "--config", "/etc/serialeye/serialeye.ini"]
