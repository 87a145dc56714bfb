N="chrt --idle 0 ionice -c 3"; [ -e /tmp/vm-free ] && N="nice -n 5"
exec $N bin/in-tools sh -c "cd webui && npx prettier --write src >/dev/null; npx tsc --noEmit --incremental --tsBuildInfoFile node_modules/.tsbuildinfo && npm run --silent build 2>&1 | grep -E 'rror TS|error:|initial transfer'; npx vitest run 2>&1 | tail -30"
