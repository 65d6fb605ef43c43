import { DefaultNamingStrategy, type NamingStrategyInterface } from 'typeorm';

/** Property names in camelCase become column names in snake_case, so that SQL reads like SQL. */
export class SnakeCaseNaming extends DefaultNamingStrategy implements NamingStrategyInterface {
  override columnName(propertyName: string, customName: string | undefined): string {
    return customName ?? propertyName.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
  }
}
