/** One event is at most an object, which the API server bounds to 1.5 MiB of etcd; what is longer is no event. */
const LONGEST = 16 * 1024 * 1024;

/** The lines of a stream as they come; an end without a line break ends the last one. Leaving early cancels the stream. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    if (rest.length > LONGEST) rest = '';
    for (const line of parts) if (line.trim() !== '') yield line;
  }
  if (rest.trim() !== '') yield rest;
}
