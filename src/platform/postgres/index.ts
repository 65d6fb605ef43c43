export * from './aggregate-row.js';
export * from './aggregate-table.js';
export * from './data-source.js';
export * from './database.js';
export * from './persistence.js';
export * from './revive-dates.js';
