import { z } from 'zod';

/** One number of an answer; not finite where Prometheus says NaN, +Inf or -Inf. */
export interface PrometheusSample {
  readonly labels: Readonly<Record<string, string>>;
  /** The time that the query was evaluated for, by the clock of Prometheus unless the query named one. */
  readonly at: Date;
  readonly value: number;
}

/** What an instant query came to. */
export interface PrometheusAnswer {
  readonly type: 'vector' | 'scalar' | 'matrix' | 'string';
  /** One a series of a vector, one for a scalar, none for the other types. */
  readonly samples: readonly PrometheusSample[];
  /** What Prometheus, or what stands between, says against its own answer: warnings (partial data) first, then infos. */
  readonly warnings: readonly string[];
}

const Point = z.tuple([z.number(), z.string()]);
const Series = z.object({
  metric: z.record(z.string(), z.string()),
  // A native histogram comes as `histogram` and has no one value.
  value: Point.optional(),
  histogram: z.unknown().optional(),
});
const Remarks = z.array(z.string()).max(1_000).optional();

export const SuccessSchema = z.object({
  status: z.literal('success'),
  data: z.discriminatedUnion('resultType', [
    z.object({ resultType: z.literal('vector'), result: z.array(Series) }),
    z.object({ resultType: z.literal('scalar'), result: Point }),
    z.object({ resultType: z.literal('matrix'), result: z.array(z.unknown()) }),
    z.object({ resultType: z.literal('string'), result: z.tuple([z.number(), z.string()]) }),
  ]),
  warnings: Remarks,
  infos: Remarks,
});

export const ErrorSchema = z.object({
  status: z.literal('error'),
  errorType: z.string().max(100),
  error: z.string(),
});

/** From the wire's form; a vector element without a value becomes NaN. */
export function toAnswer({ data, warnings = [], infos = [] }: z.output<typeof SuccessSchema>): PrometheusAnswer {
  const said = [...warnings, ...infos];
  switch (data.resultType) {
    case 'vector': {
      const samples = data.result.map(({ metric, value }) =>
        value === undefined
          ? { labels: metric, at: new Date(Number.NaN), value: Number.NaN }
          : { labels: metric, ...toPoint(value) },
      );
      return { type: 'vector', samples, warnings: said };
    }
    case 'scalar':
      return { type: 'scalar', samples: [{ labels: {}, ...toPoint(data.result) }], warnings: said };
    default:
      return { type: data.resultType, samples: [], warnings: said };
  }
}

function toPoint([seconds, text]: readonly [number, string]): { at: Date; value: number } {
  return { at: new Date(Math.round(seconds * 1000)), value: toNumber(text) };
}

function toNumber(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  return text === '' ? Number.NaN : Number(text);
}
