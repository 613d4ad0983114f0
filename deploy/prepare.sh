#!/bin/sh
# Writes into deploy/local/ what compose.yaml needs and nobody else may have: fresh secrets, a self-signed certificate,
# nginx.conf and the settings for one host name. What is there already is kept.
#
# usage: sh deploy/prepare.sh [NAME]    NAME: where people reach the service; else localhost
set -eu
name=${1:-localhost}
case $name in *[!A-Za-z0-9.-]*) echo "This is no host name: $name" >&2; exit 2 ;; esac
cd "$(dirname "$0")"
umask 077
mkdir -p local/secrets local/tls

# Containers run as users of their own, so they must be able to read these files; on the machine the folder keeps others out.
write() { if [ -s "local/$1" ]; then cat > /dev/null; else cat > "local/$1"; chmod 444 "local/$1"; fi }
random() { head -c 32 /dev/urandom | base64 | tr '+/' '-_'; }

for secret in secret_key wtf_csrf_secret_key jwt_secret_key password_pepper fernet_key \
    database_password migrating_password serving_password; do
    random | write "secrets/$secret"
done
for role in migrating serving; do
    echo "postgresql://latchkey_$role:$(cat local/secrets/${role}_password)@database/latchkey" | write secrets/${role}_uri
done

# Nobody may ask Redis for anything but by this name, and that not for what an administrator does.
echo "redis://latchkey:$(random)@redis:6379/0" | write secrets/redis_uri
password=$(sed 's|^redis://latchkey:\(.*\)@redis:6379/0$|\1|' local/secrets/redis_uri)
printf 'user default off\nuser latchkey on >%s ~* +@all -@dangerous\n' "$password" | write secrets/redis_users

if ! [ -s local/tls/privkey.pem ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj "/CN=$name" \
        -addext "subjectAltName=DNS:$name" -keyout local/tls/privkey.pem -out local/tls/fullchain.pem 2> /dev/null
    chmod 444 local/tls/*.pem
fi
chmod 755 local/tls  # mounted as a folder, so that a renewed certificate is seen

sed "s/auth\.example\.org/$name/g" nginx.conf | write nginx.conf
printf 'BASE_URL=https://%s\nMAIL_DEFAULT_SENDER=Latchkey <latchkey@%s>\n' "$name" "$name" | write latchkey.env
chmod 600 local/latchkey.env  # for whoever runs compose, who may change it
echo "deploy/local/ is ready for https://$name."
