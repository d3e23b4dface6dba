#!/usr/bin/env bash
# Writes the file COMMENT as a comment on PULL_REQUEST: over its own earlier one, which has the same first line.
set -euo pipefail

comments="repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments"
first="$(head -n 1 "$COMMENT")"
own="$(FIRST="$first" gh api "$comments" --paginate --jq '.[] | select(.body | startswith(env.FIRST)) | .id' | tail -n 1)"
if [[ -n "$own" ]]; then
  gh api "repos/$GITHUB_REPOSITORY/issues/comments/$own" --method PATCH --field "body=@$COMMENT" --silent
else
  gh api "$comments" --method POST --field "body=@$COMMENT" --silent
fi
