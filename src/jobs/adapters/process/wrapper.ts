/**
 * What runs between us and the runner, in a session of its own, so that the exit code outlives a control plane that is
 * killed. `$1` is the attempt's folder, `$2` the largest file in blocks of 512 bytes, the rest the command.
 *
 * - The hard link `pid` is the claim: whoever makes it runs, any second wrapper of the same attempt ends at once. It
 *   holds the wrapper's own identity, so no crash can lie between "spawned" and "recorded".
 * - Signals to the group reach the runner; the wrapper itself only notes how it ended.
 * - `exit` appears by rename, so it is never seen half written.
 */
export const WRAPPER = `
cd "$1" || exit 125
{ cat "/proc/$$/stat" 2>/dev/null || echo "$$"; cat /proc/sys/kernel/random/boot_id 2>/dev/null; } > "pid.$$" || exit 125
ln "pid.$$" pid 2>/dev/null || { rm -f "pid.$$"; exit 0; }
rm -f "pid.$$"
trap : TERM INT HUP
ulimit -f "$2" 2>/dev/null || :
shift 2
nice -n 10 "$@"; code=$?
echo "$code" > exit.tmp && mv exit.tmp exit
`;
