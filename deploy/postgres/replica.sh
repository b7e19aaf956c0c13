#!/bin/bash
# A streaming replica: copies the primary at its first start, and follows it from then on.
# Environment: PRIMARY (the host), PRIMARY_PORT (5432), SLOT (made by primary.sh), PGPASSFILE, PGDATA.
set -euo pipefail

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # Made aside and renamed when whole, so that a copy which was broken off is none.
    rm -rf "$PGDATA" "$PGDATA.part"
    mkdir -p "$(dirname "$PGDATA")"
    pg_basebackup --pgdata="$PGDATA.part" --host="$PRIMARY" --port="${PRIMARY_PORT:-5432}" \
        --username=atrium_replication --no-password --slot="$SLOT" --wal-method=stream --checkpoint=fast \
        --write-recovery-conf
    mv "$PGDATA.part" "$PGDATA"
fi
exec postgres "$@"
