#!/bin/sh
# How do I steer a stream with nothing but curl? steer_by_http.sh [http://127.0.0.1:8080] [STREAM]
# With a token in the config: add  -H "Authorization: Bearer TOKEN"  to each call.
set -eu
server=${1:-http://127.0.0.1:8080} stream=${2:-demo}
ask() { curl --silent --show-error --fail-with-body --max-time 20 -H 'Content-Type: application/json' "$@"; echo; }

ask "$server/streams/$stream"                                                       # what it does now
ask "$server/streams/$stream/objects" -d '{"points": [[320, 180]], "label": "it"}'  # follow what is there
ask "$server/streams/$stream/objects"                                               # what is followed
ask "$server/streams/$stream/snapshot.jpg" --output "${TMPDIR:-/tmp}/streamtrack-snapshot.jpg"
ask "$server/streams/$stream/pause" -X POST
ask "$server/streams/$stream/resume" -X POST
