#!/usr/bin/env bash
# The audit of a pull request: annotations in the log, SARIF in a file, a comment with table and picture in another.
# Reads JEPA_TARGET or JEPA_SCRIPT, JEPA_TABLE, JEPA_OPTIONS, JEPA_SARIF. Ends with the exit code of the audit.
set -uo pipefail

if [[ -n "${JEPA_TARGET:-}" ]]; then
  subject=(--target "$JEPA_TARGET")
elif [[ -n "${JEPA_SCRIPT:-}" ]]; then
  subject=(--script "$JEPA_SCRIPT")
else
  echo "::error::gradient flow: expected one of the inputs target and script, found neither"
  exit 2
fi
read -ra options <<<"${JEPA_OPTIONS:-}"
compared=("${subject[@]}")
[[ -n "${JEPA_TABLE:-}" ]] && compared+=(--table "$JEPA_TABLE")
compared+=(${options[@]+"${options[@]}"})
sarif="${JEPA_SARIF:-gradient-flow.sarif}"
folder="$(mktemp -d)"
comment="$folder/comment.md"

jepa audit-grads "${compared[@]}" --format github
code=$?
if [[ $code -gt 1 ]]; then
  echo "passed=false" >>"$GITHUB_OUTPUT"
  exit $code
fi
jepa audit-grads "${compared[@]}" --format sarif --output "$sarif" >/dev/null 2>&1
{
  echo "<!-- gradient flow of ${JEPA_TARGET:-$JEPA_SCRIPT} -->"
  jepa audit-grads "${compared[@]}" --format markdown 2>/dev/null
  if [[ -n "${JEPA_TARGET:-}" ]] && jepa render-flow "${subject[@]}" --format mermaid >"$folder/picture" 2>/dev/null; then
    printf '\n<details><summary>The picture</summary>\n\n```mermaid\n%s\n```\n\n</details>\n' "$(cat "$folder/picture")"
  fi
} >"$comment"
[[ -n "${GITHUB_STEP_SUMMARY:-}" ]] && cat "$comment" >>"$GITHUB_STEP_SUMMARY"
{
  echo "passed=$([[ $code -eq 0 ]] && echo true || echo false)"
  echo "sarif=$sarif"
  echo "comment=$comment"
} >>"$GITHUB_OUTPUT"
exit $code
