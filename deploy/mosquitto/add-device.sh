#!/bin/sh
# Gives a device its broker account: deploy/mosquitto/add-device.sh DEVICE PASSWORD
# It may publish below yanchen/v1/DEVICE/ only (deploy/mosquitto/acl).
set -eu
[ $# -eq 2 ] || { echo "usage: $0 DEVICE PASSWORD" >&2; exit 2; }
docker compose exec -T -u root mosquitto sh -c \
  'mosquitto_passwd -b /mosquitto/accounts/passwords "$1" "$2"' _ "$1" "$2"
docker compose kill -s HUP mosquitto
