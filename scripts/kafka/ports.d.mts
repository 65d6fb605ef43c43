/** So many ports that nobody listens on now, all different. */
export function freePorts(count: number): Promise<number[]>;
/** @throws when somebody listens there */
export function requireFree(port: number): Promise<void>;
