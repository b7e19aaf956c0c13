#!/bin/bash
# What the image of PostgreSQL runs once, when it has made an empty cluster: roles, database, and the way in for the
# replica. Where this file is not executable, the image's shell reads it, so no option of the shell is changed here.
# Environment: SECRETS (the folder of the passwords), PGDATA.
# The roles are those of docs/operations.md. A pooler passes no settings on, so the role has them itself.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\set owner_password `cat "$SECRETS/owner"`
\set app_password `cat "$SECRETS/app"`
\set replication_password `cat "$SECRETS/replication"`
CREATE ROLE atrium_owner LOGIN PASSWORD :'owner_password' NOSUPERUSER NOBYPASSRLS;
CREATE ROLE atrium_app LOGIN PASSWORD :'app_password' NOSUPERUSER NOBYPASSRLS;
CREATE ROLE atrium_replication LOGIN REPLICATION PASSWORD :'replication_password';
CREATE DATABASE atrium OWNER atrium_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
ALTER ROLE atrium_app SET timezone = 'UTC';
ALTER ROLE atrium_app SET jit = 'off';
ALTER ROLE atrium_app SET statement_timeout = '30s';
SELECT pg_create_physical_replication_slot('replica_1');
SQL
printf 'host replication atrium_replication samenet scram-sha-256\n' >> "$PGDATA/pg_hba.conf"
