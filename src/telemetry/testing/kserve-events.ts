/** What KServe's logger sends for one inference, as headers and a body, for tests. */
export interface LoggedEvent {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface LoggedOptions {
  readonly id: string;
  /** RFC 3339; absent: KServe before 0.18. */
  readonly time?: string;
  readonly service?: string;
  readonly namespace?: string;
  readonly endpoint?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The event of a request. */
export function loggedRequest(options: LoggedOptions, rows: readonly (readonly number[])[]): LoggedEvent {
  const inputs = [tensor('x', rows)];
  return { headers: headersOf(options, 'request'), body: Buffer.from(JSON.stringify({ inputs })) };
}

/** The event of a response; it carries the content type of the request. */
export function loggedResponse(options: LoggedOptions, rows: readonly (readonly number[])[]): LoggedEvent {
  const body = { model_name: options.service ?? 'toy', outputs: [tensor('y', rows)] };
  return { headers: headersOf(options, 'response'), body: Buffer.from(JSON.stringify(body)) };
}

function tensor(name: string, rows: readonly (readonly number[])[]): object {
  return { name, datatype: 'FP32', shape: [rows.length, rows[0]?.length ?? 0], data: rows.flat() };
}

function headersOf(options: LoggedOptions, side: string): Readonly<Record<string, string>> {
  const { id, time, service = 'toy', namespace = 'default', endpoint = '', annotations } = options;
  return {
    'content-type': 'application/json',
    'ce-specversion': '1.0',
    'ce-id': id,
    'ce-source': `http://${service}-predictor`,
    'ce-type': `org.kubeflow.serving.inference.${side}`,
    'ce-inferenceservicename': service,
    'ce-namespace': namespace,
    'ce-component': 'predictor',
    'ce-endpoint': endpoint,
    ...(time === undefined ? {} : { 'ce-time': time, 'ce-recordedtime': time }),
    ...(annotations === undefined ? {} : { 'ce-annotations': JSON.stringify(annotations) }),
  };
}
