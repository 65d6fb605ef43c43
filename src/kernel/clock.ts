/** The only source of time for domain code and reconcilers. */
export abstract class Clock {
  abstract now(): Date;
}
