/** RESULTS.md: every table of the benchmark, with what it means for a reader. */
export function report({ count, bernoulli, disagreements, microseconds, evaluated, real, annotated, drift, A }) {
  return `# Detectors: measured

Written by \`npm run bench:detectors\`; streams and seeds are fixed, so the figures come out the same again, but for the times.
River 0.26.1 with its defaults; our e-detectors with A = ${thousands(A)}, that is P(false alarm within n observations) ≤ n/A.

## 0/1 errors, ${count} streams of 10,000 a cell, change after 3,000
5 % errors before the change, p0 = 5 % known. *false/10k*: false alarms per 10,000 stable observations. *streams*: share of
streams with one before the change or, where nothing changes, at all (our bound: ${percent(10_000 / A)} within 10,000,
${percent(3_000 / A)} within 3,000). *miss / delay*: share without an alarm after the change, mean observations to the first.
F1 counts the first alarm within 1,000 of a change as right and every other alarm as wrong. HDDM sees the first 100 streams.

${bernoulliTable(bernoulli)}

F1 of the dummy shows what the measure alone is worth: it pays for alarms, not for being believed.

${disagreements.map(({ name, streams, differ }) => `Our own ${name} agrees with River's alarm by alarm on ${streams - differ} of ${streams} streams.`).join('\n')}

| detector | µs an update |
| --- | ---: |
${microseconds.map(([name, cost]) => `| ${name} | ${cost.toFixed(2)} |`).join('\n')}

## p0 from an evaluation
The same streams; p0 = max(evaluated rate + tolerance, 95 % Clopper–Pearson upper bound) from so many evaluated rows of the
same true rate of 5 %, anew for each stream. *below*: how often p0 came out below the true rate, where the promise is off.

| rows | tolerance | mean p0 | below | false alarms in 10,000 | ${evaluated[0].changed.map((_, i) => bernoulli.groups[i + 1]).join(' | ')} |
| ---: | ---: | ---: | ---: | ---: |${' ---: |'.repeat(evaluated[0].changed.length)}
${evaluated.map(evaluatedRow).join('\n')}

## Errors of frozen classifiers on real data
Data that River packages; a third trains the classifier, up to 1,000 rows evaluate it (p0 = that rate + 1 point or its upper
bound), the stream draws from the rest. At the change all or three in ten rows arrive with their columns in another order.
SEA and Agrawal are River's generators with a concept that changes. Share of streams with an alarm before the change / miss
/ mean delay.

${realTable(real)}

## Series in which people marked the changes
UK coal employment, run log, occupancy, Apple (Turing change point dataset, in River): marks of at least two people. Found
within a tenth of the series counts. A detector of a rise over a known level is not made for series that wander: ours learns
30 values anew after each alarm, and Page–Hinkley and ADWIN get standardised values.

| detector | hits | false | missed | F1 |
| --- | ---: | ---: | ---: | ---: |
${annotated.map(([name, { hits, false: wrong, missed, f1 }]) => `| ${name} | ${hits} | ${wrong} | ${missed} | ${f1.toFixed(2)} |`).join('\n')}

## Input drift
Six features in 20 quantile bins, windows of 100 answers, one feature changes after 2,000. False alarms: share of ${drift[0].streams}
stable streams of 10,000 answers with at least one (the bound of ours: ${percent(10_000 / A)}). Others: miss / mean delay in answers,
within 6,000 after the change, on streams without an alarm before it; – where no stream was left.
${drift.map(driftTable).join('\n')}
`;
}

function bernoulliTable({ groups, rows }) {
  const changed = groups.slice(1);
  const lines = rows.map(({ name, cells }) => {
    const stable = `${cells[0].falsePer10k.toFixed(2)} | ${percent(cells[0].falseShare)}`;
    const later = cells.slice(1).map((cell) => found(cell));
    return `| ${name} | ${stable} | ${later.join(' | ')} | ${cells[3].f1.toFixed(2)} |`;
  });
  return [
    `| detector | false/10k | streams | ${changed.map((group) => `${group}: miss / delay`).join(' | ')} | F1 at ${groups[3]} |`,
    `| --- | ---: | ---: |${' ---: |'.repeat(changed.length)} ---: |`,
    ...lines,
  ].join('\n');
}

function evaluatedRow({ rows, tolerance, mean, below, stable, changed }) {
  const cells = [
    thousands(rows),
    `${tolerance * 100} points`,
    percent(mean),
    percent(below),
    percent(stable.falseShare),
  ];
  return `| ${[...cells, ...changed.map(found)].join(' | ')} |`;
}

function realTable({ groups, rows }) {
  return [
    `| stream | ${rows.map(({ name }) => name.replace(/^(Ratchet|River): /, '')).join(' | ')} |`,
    `| --- |${' ---: |'.repeat(rows.length)}`,
    ...groups.map((group, i) => `| ${group} | ${rows.map(({ cells }) => realCell(cells[i])).join(' | ')} |`),
  ].join('\n');
}

function realCell(cell) {
  const early = percent(cell.falseShare);
  return cell.missShare === null && cell.meanDelay === null ? early : `${early} / ${found(cell)}`;
}

function driftTable({ baseline, falseShare, changed }) {
  const rules = Object.keys(falseShare);
  const header = `| rule | false alarms | ${changed.map(([name]) => name).join(' | ')} |`;
  const lines = rules.map((rule) => {
    const cells = changed.map(([, results]) => (results[rule].judged === 0 ? '–' : found(results[rule])));
    return `| ${rule} | ${percent(falseShare[rule])} | ${cells.join(' | ')} |`;
  });
  return [
    `\nBaseline of ${thousands(baseline)} answers:\n`,
    header,
    `| --- | ---: |${' ---: |'.repeat(changed.length)}`,
    ...lines,
  ].join('\n');
}

function found({ missShare, meanDelay }) {
  if (missShare === null) return '–';
  return `${missShare.toFixed(2)} / ${meanDelay === null ? '–' : Math.round(meanDelay).toLocaleString('en-US')}`;
}

function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}

function thousands(value) {
  return value.toLocaleString('en-US');
}
