#!/bin/sh
# Makes the passwords and the signing key of this installation, once, and hands each service what it needs of them.
# $SECRETS/kept holds all of them; beside it, what a service may read is in a folder of its own, which is a volume.
set -eu
umask 077
cd "${SECRETS:-/secrets}"

# Keeps what it reads under this name, unless there is something already.
keep() {
    if [ ! -s "kept/$1" ]; then
        cat > kept/part
        mv kept/part "kept/$1"
    fi
}

# Gives what it reads to one user: give ID PATH
give() {
    cat > kept/part
    install -o "$1" -g "$1" -m 0400 kept/part "$2"
    rm kept/part
}

# Hexadecimal digits mean nothing to an address, a shell or a file of passwords.
for name in superuser owner app replication grafana; do
    od -An -v -N 24 -tx1 /dev/urandom | tr -d ' \n' | keep "$name"
done
head -c 32 /dev/urandom | base64 | keep signing_key

# 999 is postgres in its image, 10002 and 10001 are the users of our own images, 472 is Grafana's.
for name in superuser owner app replication; do
    give 999 "primary/$name" < "kept/$name"
done
printf '*:*:*:atrium_replication:%s\n' "$(cat kept/replication)" | give 999 replica/pgpass
printf '"atrium_app" "%s"\n' "$(cat kept/app)" | give 10002 pgbouncer/userlist.txt
printf '*:*:*:atrium_owner:%s\n*:*:*:atrium_app:%s\n' "$(cat kept/owner)" "$(cat kept/app)" | give 10001 atrium/pgpass
printf 'ATRIUM_SIGNING_KEYS=%s\n' "$(cat kept/signing_key)" | give 10001 atrium/.env
give 472 grafana/admin < kept/grafana
