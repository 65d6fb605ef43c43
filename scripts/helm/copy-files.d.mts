export const CARRIED: Readonly<Record<'dashboards' | 'rules', { readonly from: string; readonly files: RegExp }>>;
export function carriedFiles(folder: string, names: RegExp): Record<string, string>;
