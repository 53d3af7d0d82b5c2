#!/bin/sh
# Installs Debian packages as root and leaves no server running that was not
# there before. Usage: install-packages.sh PACKAGE...
set -eu
export DEBIAN_FRONTEND=noninteractive

policy=/usr/sbin/policy-rc.d
wrote_policy=no
restore() {
  if [ "$wrote_policy" = yes ]; then rm -f "$policy"; fi
}
trap restore EXIT
trap 'exit 130' INT TERM

# Package scripts ask this file before they start a service: 101 means no.
if [ ! -e "$policy" ]; then
  wrote_policy=yes
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

new_services=
for package in "$@"; do
  case "$package" in
    nats-server | redis-server | softflowd | nfdump)
      dpkg -s "$package" >/dev/null 2>&1 || new_services="$new_services $package" ;;
  esac
done

apt-get -o DPkg::Lock::Timeout=120 -qq update || echo "apt-get update failed; trying with the lists at hand" >&2
apt-get -o DPkg::Lock::Timeout=120 -qq install -y --no-install-recommends "$@" >/dev/null

# Not at the next boot either.
for service in $new_services; do
  if command -v systemctl >/dev/null 2>&1; then
    if [ -d /run/systemd/system ]; then now=--now; else now=; fi
    systemctl disable $now "$service" >/dev/null 2>&1 || true
  fi
done
