-- The two roles of compose.yaml, one that changes tables and one that serves, for psql as the administrator. To be run again at
-- each start: tables that are there go to the migrating role, and passwords follow their files. The grants are those that
-- `flask --app app database roles` prints.
\set ON_ERROR_STOP on
\set migrating `cat /run/secrets/migrating_password`
\set serving `cat /run/secrets/serving_password`
SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY['latchkey_migrating', 'latchkey_serving']) AS name
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE latchkey_migrating PASSWORD :'migrating';
ALTER ROLE latchkey_serving PASSWORD :'serving';
REVOKE ALL ON DATABASE "latchkey" FROM PUBLIC;
GRANT CONNECT ON DATABASE "latchkey" TO latchkey_migrating, latchkey_serving;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO latchkey_migrating;
GRANT USAGE ON SCHEMA public TO latchkey_serving;
SELECT format('ALTER TABLE %s OWNER TO latchkey_migrating', oid::regclass) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' \gexec
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO latchkey_serving;
ALTER DEFAULT PRIVILEGES FOR ROLE latchkey_migrating IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO latchkey_serving;
