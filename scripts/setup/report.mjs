const live = process.stdout.isTTY === true && !process.env.CI;
let pending = false;

/** One plain line. */
export function say(line) {
  clearLive();
  process.stdout.write(`${line}\n`);
}

/** On a terminal one line that is rewritten; in a pipe the caller decides how often it is worth a line. */
export function tick(line) {
  if (!live) return say(line);
  const width = (process.stdout.columns ?? 80) - 1;
  process.stdout.write(`\r\u001b[2K${line.slice(0, width)}`);
  pending = true;
}

/** How often a long step speaks, in milliseconds. */
export const TICK_MS = live ? 500 : 5_000;

export function seconds(ms) {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

function clearLive() {
  if (pending) process.stdout.write('\r\u001b[2K');
  pending = false;
}
