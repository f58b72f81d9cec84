#!/bin/sh
# Makes the secrets of compose.yaml, once: deploy/secrets/ holds them from then on, and git does not see it.
set -eu
cd "$(dirname "$0")"
if [ -e secrets ]; then
  echo "deploy/secrets is there already; remove it for new ones." >&2
  exit 1
fi
new() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
# The folder keeps other users of this machine out. Containers, whose users differ, get each file by its own mount.
mkdir -m 0700 secrets
web_token=$(new)
printf '[learning]\nsigning_key = "%s"\n\n[web]\ntoken = "%s"\n' "$(new)" "$web_token" >secrets/fraudstream.toml
printf '%s' "$web_token" >secrets/web_token
new >secrets/grafana_password
chmod 0444 secrets/*
