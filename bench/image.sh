#!/bin/sh
# Builds the image without a Docker daemon, and runs it: bash bench/image.sh FOLDER, as root.
#
# Needs buildah and debootstrap. Where no registry of images is reached, the base is made by
# debootstrap under the name that the Dockerfile asks for: Debian 13 with its Python 3.13. What was
# built stays in FOLDER, some 5 GB.
set -eu
folder=$(mkdir -p "$1" && cd "$1" && pwd)
here=$(cd "$(dirname "$0")/.." && pwd)
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
b() { buildah --root "$folder/store" --runroot "$folder/run" "$@"; }

base=$(sed -n 's/^FROM \(python:[^ ]*\).*/\1/p' "$here/Dockerfile" | head -n 1)
if ! b inspect --type image "docker.io/library/$base" >/dev/null 2>&1; then
    debootstrap --variant=minbase --include=python3,python3-pip,python3-venv,ca-certificates \
        trixie "$folder/debian" http://deb.debian.org/debian
    ln -sf python3 "$folder/debian/usr/bin/python"
    rm -f "$folder"/debian/usr/lib/python3*/EXTERNALLY-MANAGED
    cp /etc/ssl/certs/ca-certificates.crt "$folder/debian/etc/ssl/certs/"
    container=$(b from scratch)
    b copy -q "$container" "$folder/debian" /
    b config --env PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin "$container"
    b commit -q "$container" "docker.io/library/$base"
    b rm "$container"
fi
b bud --pull-never --layers --format docker -t musicfleet:bench -f "$here/Dockerfile" "$here"

mkdir -p "$folder/music"
"$here/.venv/bin/python" -m demo "$folder/music"
chmod -R a+rX "$folder/music"
container=$(b from musicfleet:bench)
trap 'b rm "$container" >/dev/null' EXIT
b run "$container" -- sh -c 'id; fleet --version; fpcalc -version; pg_dump --version'
b run -v "$folder/music:/music:ro" --user 0 --env PUID=1234 --env PGID=777 --env FLEET_WEB=off \
    --env FLEET_ANALYSIS_SECONDS=off "$container" -- tini -s -- entrypoint sh -ec '
    id
    fleet up --foreground >/tmp/up.log 2>&1 &
    until fleet status --json | grep -q "\"up\": *true"; do sleep 1; done
    fleet scan /music | tail -n 3
    ! touch /music/written 2>/dev/null
    until [ -e /tmp/alive ]; do sleep 1; done
    fleet doctor
    fleet down'
