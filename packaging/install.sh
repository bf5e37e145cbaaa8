#!/bin/sh
# Installs the appliance, or its next version, from this folder, without any network: ./install.sh
# A Debian 12. What it does: signature (by the public key in EDGE_RELEASE_KEY or /etc/edge/release-key.asc, if there is one), checksums, then apt with nothing but this folder, then the package's own steps.
set -eu
cd "$(dirname "$0")"
say() { echo "install.sh: $*" >&2; }

[ "$(id -u)" -eq 0 ] || { say "root installs: sudo $0"; exit 1; }
release=$(. /etc/os-release && echo "$ID $VERSION_ID")
[ "$release" = "debian 12" ] || { say "this is for Debian 12 (python3.11), not for $release"; exit 1; }
key=${EDGE_RELEASE_KEY:-/etc/edge/release-key.asc}
if [ -e "$key" ]; then
    [ -e SHA256SUMS.asc ] || { say "$key is there, and SHA256SUMS is not signed: nothing is installed"; exit 1; }
    command -v gpgv >/dev/null || { say "gpgv is missing, by which the signature is verified (package gpgv)"; exit 1; }
    ring=$(mktemp)
    # gpgv takes keys as they are, without their armour.
    if grep -q 'BEGIN PGP' "$key"; then
        sed -n '/^$/,/^=\|^-----END/p' "$key" | grep -v '^=\|^-----END' | base64 --decode >"$ring"
    else cat "$key" >"$ring"; fi
    gpgv --quiet --keyring "$ring" SHA256SUMS.asc SHA256SUMS 2>"$ring.told" ||
        { cat "$ring.told" >&2; rm -f "$ring" "$ring.told"; say "the signature is not that of $key: nothing is installed"; exit 1; }
    rm -f "$ring" "$ring.told"
elif [ -n "${EDGE_RELEASE_KEY:-}" ]; then
    say "there is no $key"
    exit 1
elif [ -e SHA256SUMS.asc ]; then
    say "SHA256SUMS is signed, and there is no key to verify it by ($key): the checksums tell damage, not origin"
fi
sha256sum --check --quiet --strict SHA256SUMS || { say "files are not as they were made: copy the archive again"; exit 1; }
package=$(ls edge-appliance_*.deb)
made_for=$(dpkg-deb --field "$package" Architecture)
[ "$made_for" = "$(dpkg --print-architecture)" ] || { say "this is for $made_for, not for $(dpkg --print-architecture)"; exit 1; }

if [ ! -d packages ]; then
    # Without packages of Debian in it: apt takes what is missing from where this machine has its packages.
    DEBIAN_FRONTEND=noninteractive exec apt-get install --yes --no-install-recommends "./$package"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial"
# trusted: the checksums above are what it goes by.
echo "deb [trusted=yes] copy:$PWD/packages ./" >"$work/sources.list"
apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$work/lists" -o Dir::Cache::Archives="$work/archives" -o APT::Sandbox::User=root \
        -o DPkg::Lock::Timeout=120 "$@"
}
apt -qq update
# The machine's own packages stay as they are where they will do.
apt install --yes --no-install-recommends --no-upgrade "./$package"
