import { type DynamicModule, Module } from '@nestjs/common';
import type { ParsedSettings } from './parse-settings.js';

/** Provides each group's parsed values under its token, everywhere. */
@Module({})
export class ConfigModule {
  static forRoot(settings: ParsedSettings): DynamicModule {
    const providers = settings.groups.map((group) => ({ provide: group.token, useValue: settings.of(group) }));
    return { module: ConfigModule, global: true, providers, exports: providers.map((provider) => provider.provide) };
  }
}
