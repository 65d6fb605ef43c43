import { type INestApplicationContext, RequestMethod } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { type Access, ACCESS } from './decorators.js';

/** One route and who may call it; null when nobody declared it (and so nobody may). */
export interface DeclaredRoute {
  readonly method: string;
  readonly path: string;
  readonly access: Access | null;
  /** `Controller.method`, to find it in the code. */
  readonly handler: string;
}

/** Every route of every controller of the application, sorted by path. */
export function listRoutes(app: INestApplicationContext): DeclaredRoute[] {
  const discovery = app.get(DiscoveryService, { strict: false });
  const scanner = new MetadataScanner();
  const reflector = new Reflector();
  const routes = discovery.getControllers().flatMap((wrapper) => {
    const controller = wrapper.metatype as (new () => object) | null;
    if (controller === null) return [];
    const prototype = controller.prototype as Record<string, object>;
    return scanner.getAllMethodNames(prototype).flatMap((name) => {
      const handler = prototype[name] as () => unknown;
      const method = Reflect.getMetadata('method', handler) as RequestMethod | undefined;
      if (method === undefined) return [];
      const access = reflector.getAllAndOverride<Access | undefined>(ACCESS, [handler, controller]) ?? null;
      const bases = paths(Reflect.getMetadata('path', controller));
      return bases.flatMap((base) =>
        paths(Reflect.getMetadata('path', handler)).map((leaf) => ({
          method: RequestMethod[method],
          path: join(base, leaf),
          access,
          handler: `${controller.name}.${name}`,
        })),
      );
    });
  });
  return routes.sort((a, b) => (a.path === b.path ? a.method.localeCompare(b.method) : a.path.localeCompare(b.path)));
}

function paths(metadata: unknown): string[] {
  return Array.isArray(metadata) ? metadata.map(String) : [typeof metadata === 'string' ? metadata : ''];
}

function join(base: string, leaf: string): string {
  const parts = `${base}/${leaf}`.split('/').filter((part) => part !== '');
  return `/${parts.join('/')}`;
}
