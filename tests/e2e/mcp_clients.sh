#!/usr/bin/env bash
# mcp_clients: the official clients of the Model Context Protocol and its inspector on the real
# tools over standard input and output, and on the fixtures over HTTP; the configurations of
# docs/agents.md (G-A2). Last line: `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")"
node=$(./node_ready) || exit 77
"$node" --no-warnings mcp_clients.mjs "${RAUM_ASAN:-$RAUM}"
