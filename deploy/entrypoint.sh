#!/bin/sh
# The first process below tini: runs the command as PUID and PGID, and never as root.
set -eu
umask 077
if [ "$(id -u)" != 0 ]; then
    if [ "${PUID:-$(id -u)}" != "$(id -u)" ] || [ "${PGID:-$(id -g)}" != "$(id -g)" ]; then
        echo "PUID and PGID are ${PUID:-unset} and ${PGID:-unset}, and this container runs as" \
            "$(id -u):$(id -g): start it with --user PUID:PGID, or with --user root" >&2
        exit 2
    fi
    mkdir -p "$FLEET_DATA_DIR"
    # A volume for backups alone, where the data folder does not last.
    [ ! -d /backups ] || [ -e "$FLEET_DATA_DIR/backups" ] || ln -s /backups "$FLEET_DATA_DIR/backups"
    exec "$@"
fi
uid=${PUID:-1000} gid=${PGID:-1000}
[ "$uid" != 0 ] || { echo 'PUID is 0, and the fleet does not run as root: name another' >&2; exit 2; }
mkdir -p "$FLEET_DATA_DIR"
[ "$(stat -c %u:%g "$FLEET_DATA_DIR")" = "$uid:$gid" ] || chown -R "$uid:$gid" "$FLEET_DATA_DIR"
exec setpriv --reuid="$uid" --regid="$gid" --clear-groups --bounding-set=-all --inh-caps=-all \
    --no-new-privs "$0" "$@"
