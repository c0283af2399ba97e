-- The roles and the database of the gateway. A superuser runs it with psql, again at will; the
-- environment gives GATEWAY_DATABASE_PASSWORD, the password of the login role `gateway`.
--
-- `gateway` inherits nothing: a connection names its role (gateway_app, gateway_auth, or
-- gateway_owner for migrations) or may do nothing at all. PostgreSQL 15.14 or later.
\set ON_ERROR_STOP on
\getenv password GATEWAY_DATABASE_PASSWORD

SELECT format('CREATE ROLE %I NOLOGIN', name)
FROM unnest(ARRAY['gateway_owner', 'gateway_app', 'gateway_auth', 'gateway']) AS name
WHERE name NOT IN (SELECT rolname FROM pg_roles)
\gexec

ALTER ROLE gateway_owner NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
ALTER ROLE gateway_app NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
ALTER ROLE gateway_auth NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
ALTER ROLE gateway NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOINHERIT
    LOGIN PASSWORD :'password';
GRANT gateway_owner, gateway_app, gateway_auth TO gateway;

SELECT 'CREATE DATABASE gateway OWNER gateway_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'gateway')
\gexec
