-- The roles and the database of the gateway. A superuser runs it with psql, again at will; the
-- environment gives GATEWAY_DATABASE_PASSWORD, the password of the login role `gateway`, and may
-- give GATEWAY_APP_PASSWORD and GATEWAY_AUTH_PASSWORD.
--
-- Requests are served as gateway_app, people are identified as gateway_auth. Both log in by
-- themselves and may become nobody else; unless they are given, their passwords follow from that
-- of `gateway`, so that the gateway knows them, too. `gateway` inherits nothing: it migrates as
-- gateway_owner, and may take each of the roles. PostgreSQL 15.14 or later.
\set ON_ERROR_STOP on
\getenv password GATEWAY_DATABASE_PASSWORD
\getenv app_password GATEWAY_APP_PASSWORD
\getenv auth_password GATEWAY_AUTH_PASSWORD
\if :{?app_password}
\else
    \set app_password ''
\endif
\if :{?auth_password}
\else
    \set auth_password ''
\endif

SELECT
    coalesce(nullif(:'app_password', ''),
        encode(sha256(convert_to('gateway_app:' || :'password', 'UTF8')), 'hex')) AS app_password,
    coalesce(nullif(:'auth_password', ''),
        encode(sha256(convert_to('gateway_auth:' || :'password', 'UTF8')), 'hex')) AS auth_password
\gset

SELECT format('CREATE ROLE %I NOLOGIN', name)
FROM unnest(ARRAY['gateway_owner', 'gateway_app', 'gateway_auth', 'gateway']) AS name
WHERE name NOT IN (SELECT rolname FROM pg_roles)
\gexec

ALTER ROLE gateway_owner NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
ALTER ROLE gateway_app NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS
    LOGIN PASSWORD :'app_password';
ALTER ROLE gateway_auth NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS
    LOGIN PASSWORD :'auth_password';
ALTER ROLE gateway NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOINHERIT
    LOGIN PASSWORD :'password';
GRANT gateway_owner, gateway_app, gateway_auth TO gateway;

SELECT 'CREATE DATABASE gateway OWNER gateway_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'gateway')
\gexec
REVOKE TEMPORARY ON DATABASE gateway FROM PUBLIC;
