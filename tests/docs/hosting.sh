#!/usr/bin/env bash
# The files of deploy/ are what their programs accept: systemd, Caddy, nginx, hadolint, Docker
# Compose, each asked where it is installed. What needs none of them is checked in any case.
set -uo pipefail
cd "$RAUM_SOURCE/deploy" || exit 1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0

check() { # check WHAT COMMAND…
    local what=$1
    shift
    if "$@" >"$scratch/log" 2>&1; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL: $what"
        tail -n 20 "$scratch/log"
    fi
}
have() { command -v "$1" >/dev/null; }

# The unit, with a program that exists here in the place of the installed one.
unit() {
    sed "s|^ExecStart=/usr/bin/raum|ExecStart=$(command -v true)|" raum.service \
        >"$scratch/raum.service"
    systemd-analyze verify "$scratch/raum.service" >"$scratch/said" 2>&1
    cat "$scratch/said"
    ! grep -q 'raum.service' "$scratch/said"
}
# At most 1.5 of 10: what is left is the network, which a server needs.
exposure() {
    systemd-analyze security --offline=true --threshold=15 "$scratch/raum.service"
}
# A word that systemd does not know is noticed.
unit_planted() {
    sed 's/^ProtectHome=.*/ProtectHouse=yes/' raum.service >"$scratch/planted.service"
    grep -q ProtectHouse <<<"$(systemd-analyze verify "$scratch/planted.service" 2>&1)"
}
if have systemd-analyze; then
    check 'raum.service' unit
    check 'raum.service: exposure' exposure
    check 'a bad unit is noticed' unit_planted
fi
sysusers() { systemd-sysusers --dry-run "$PWD/raum.sysusers"; }
if have systemd-sysusers && systemd-sysusers --help | grep -q dry-run; then
    check raum.sysusers sysusers
fi

caddyfile() {
    HOME=$scratch RAUM_NAME=raum.example caddy validate --adapter caddyfile --config Caddyfile
}
caddy_format() { [ -z "$(caddy fmt --diff Caddyfile | grep '^[-+]')" ]; }
if have caddy; then
    check Caddyfile caddyfile
    check 'Caddyfile: layout' caddy_format
fi

# nginx wants to see the certificate: one of the house's own authority.
nginx_site() {
    "$RAUM" --data "$scratch/data" serve certificate raum.example >/dev/null || return 1
    local tls=$scratch/data/server/tls
    sed -e "s|/etc/letsencrypt/live/raum.example/fullchain.pem|$tls/server.pem|" \
        -e "s|/etc/letsencrypt/live/raum.example/privkey.pem|$tls/server.key|" nginx.conf \
        >"$scratch/site"
    printf 'pid %s/pid;\nerror_log stderr;\nevents {}\nhttp { access_log off; include %s; }\n' \
        "$scratch" "$scratch/site" >"$scratch/nginx.conf"
    "$nginx" -t -q -c "$scratch/nginx.conf" -p "$scratch"
}
nginx=$(PATH=$PATH:/usr/sbin command -v nginx)
if [ -n "$nginx" ] && [ -x "$RAUM" ]; then check nginx.conf nginx_site; fi

dockerfile() { hadolint Dockerfile; }
if have hadolint; then check Dockerfile dockerfile; fi
# The image is built with what scripts/setup says that building needs, and nothing is forgotten.
packages() {
    local missing=0 name
    for name in $(sed -n "/^packages='/,/^'/p" ../scripts/setup |
        awk '/^[a-z]/ && $1 != "packages=\x27" && !/ tests/ { print $1 }'); do
        grep -q -w -- "$name" Dockerfile || { echo "not in the Dockerfile: $name"; missing=1; }
    done
    return $missing
}
check 'Dockerfile: packages' packages
copied() { # what the build reads is copied into it
    local part
    for part in meson.build meson_options.txt include src examples scripts; do
        grep -q "^COPY .*$part" Dockerfile && [ -e "../$part" ] || return 1
    done
}
check 'Dockerfile: sources' copied

compose() { RAUM_NAME=raum.example docker compose -f compose.yaml config -q; }
compose_old() { RAUM_NAME=raum.example docker-compose -f compose.yaml config -q; }
yaml() { python3 -c 'import sys, yaml; yaml.safe_load(open(sys.argv[1]))' compose.yaml; }
if docker compose version >/dev/null 2>&1; then check compose.yaml compose
elif have docker-compose; then check compose.yaml compose_old
elif python3 -c 'import yaml' 2>/dev/null; then check compose.yaml yaml; fi

# Every variable that these files set is one of an option of raum.
variables() {
    local name bad=0
    "$RAUM" man >"$scratch/man" || return 1
    for name in $(grep -oh 'RAUM_[A-Z_]*' Dockerfile compose.yaml raum.service | sort -u); do
        case $name in RAUM_NAME) continue ;; esac
        grep -q "$name" "$scratch/man" || { echo "no such variable: $name"; bad=1; }
    done
    return $bad
}
if [ -x "$RAUM" ]; then check 'variables' variables; fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
