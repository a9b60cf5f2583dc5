#!/bin/sh
# Calls a Lookout server with curl, and shows what is sent and what comes back.
#
#     curl.sh [URL [BODY.xml...]]
#
# The bodies are those beside this script unless some are given. Two things matter to any client
# that is no XML-RPC library: a Content-Type of text/xml, and --data-binary (--data eats newlines).
set -eu

url=${1:-http://127.0.0.1:18812/RPC2}
[ $# -eq 0 ] || shift
here=$(dirname "$0")
[ $# -gt 0 ] || set -- "$here/ping.xml" "$here/print.xml" "$here/fault.xml"

for body in "$@"; do
    echo "curl -H 'Content-Type: text/xml' --data-binary @$body $url"
    cat "$body"
    echo "answers:"
    curl -sS -H 'Content-Type: text/xml' --data-binary "@$body" "$url"
    echo
done
