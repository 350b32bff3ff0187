#!/usr/bin/env bash
# Makes assets/vendor: Swagger UI and Redoc as published on npm, without the lines that name source maps, and without Redoc's logo, which
# it would load from another host. A build gives the same bytes. Needs npm.
set -euo pipefail
cd "$(dirname "$0")"
SWAGGER=5.35.0 REDOC=2.5.4
into=../../assets/vendor work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent "swagger-ui-dist@$SWAGGER" "redoc@$REDOC" >/dev/null)
mkdir -p "$work/swagger" "$work/redoc" "$into"
tar xzf "$work/swagger-ui-dist-$SWAGGER.tgz" -C "$work/swagger" --strip-components=1
tar xzf "$work/redoc-$REDOC.tgz" -C "$work/redoc" --strip-components=1
plain() { sed -E '$ s#^(//|/\*)[#] sourceMappingURL=.*$##' "$1" >"$2"; } # of the last line alone: the code speaks of such lines, too
plain "$work/swagger/swagger-ui-bundle.js" "$into/swagger-ui-bundle.js"
plain "$work/swagger/swagger-ui.css" "$into/swagger-ui.css"
plain "$work/redoc/bundles/redoc.standalone.js" "$work/redoc.js"
sed 's#https://cdn.redoc.ly/redoc/logo-mini.svg#/assets/favicon.svg#' "$work/redoc.js" >"$into/redoc.standalone.js"
{
  printf 'swagger-ui-bundle.js, swagger-ui.css: Swagger UI %s (Apache License 2.0), with parts of others that are named below.\n' "$SWAGGER"
  printf 'redoc.standalone.js: Redoc %s (MIT); changed: the logo that it shows is the one of this server.\n' "$REDOC"
  printf '\n--- Swagger UI: NOTICE\n\n'; cat "$work/swagger/NOTICE"
  printf '\n--- Swagger UI: what it contains\n\n'; cat "$work/swagger/swagger-ui-bundle.js.LICENSE.txt"
  printf '\n--- Redoc\n\n'; cat "$work/redoc/LICENSE"
  printf '\n--- Apache License 2.0\n\n'; cat "$work/swagger/LICENSE"
} >"$into/LICENCES.txt"
