import type { ModelView } from './admit.js';
import { BinTable } from './bin-table.js';
import { CLASS_FEATURE, PREDICTION_FEATURE } from './feature-profile.js';
import { stableHash } from './stable-hash.js';

/** Classes that a window counts one by one; a model with more of them has its profile say which ones. */
export const MAX_COUNTED_CLASSES = 256;

/**
 * How the events of one model are counted: where each feature's numbers are, and its bins. Made once and kept as long as
 * the model's document says the same; bins are added when they become fixed.
 */
export class ModelShape {
  /** Features with moments: those of the document, and a regression's prediction. */
  readonly features: readonly string[];
  readonly table: BinTable;
  /** Feature that bins the prediction, or -1. */
  readonly predictionSlot: number;
  /** `stableHash` of the document's feature names, which senders of bare values must know. */
  readonly featureSet: number;
  /** Classes that are counted by themselves, where there are too many to count all; null until they are known. */
  topClasses: ReadonlySet<number> | null = null;
  private readonly slots = new WeakMap<readonly string[], Int16Array>();

  constructor(private newest: ModelView) {
    const view = newest;
    const isBinned = view.classes === null;
    this.features = isBinned ? [...view.features, PREDICTION_FEATURE] : view.features;
    this.predictionSlot = isBinned ? view.features.length : -1;
    this.featureSet = stableHash(view.features.join('\0'));
    this.table = new BinTable(this.features.length);
  }

  /** The model as its document says now. */
  get view(): ModelView {
    return this.newest;
  }

  /** Takes over what a new document says beside what is counted: what is redacted, say. It must fit. */
  renew(view: ModelView): void {
    this.newest = view;
  }

  /** Whether only some classes are counted by themselves. */
  get hasManyClasses(): boolean {
    return this.view.classes !== null && this.view.classes > MAX_COUNTED_CLASSES;
  }

  /** Whether this shape still fits a model's document. */
  fits(view: ModelView): boolean {
    const mine = this.view;
    return (
      mine.classes === view.classes &&
      mine.windowSeconds === view.windowSeconds &&
      mine.inputLength === view.inputLength &&
      mine.keepSeconds === view.keepSeconds &&
      mine.maxLatenessSeconds === view.maxLatenessSeconds &&
      mine.features.length === view.features.length &&
      mine.features.every((name, i) => name === view.features[i])
    );
  }

  /** Where each of `names` is counted, -1 for those that are not. */
  slotsOf(names: readonly string[]): Int16Array {
    const known = this.slots.get(names);
    if (known !== undefined) return known;
    const slots = Int16Array.from(names, (name) => this.view.features.indexOf(name));
    this.slots.set(names, slots);
    return slots;
  }

  /** Bins that became fixed; they never change again. */
  fix(feature: string, edges: readonly number[]): void {
    if (feature === CLASS_FEATURE) {
      this.topClasses ??= new Set(edges);
      return;
    }
    const slot = this.features.indexOf(feature);
    if (slot >= 0 && this.table.fixed[slot] === null) this.table.fix(slot, edges);
  }
}
