import type { ModelView } from './admit.js';
import { ModelShape } from './model-shape.js';

/** Shapes by model, made anew when a model's document changes what is counted. Bounded by the number of models. */
export class ShapeCache {
  private readonly shapes = new Map<string, ModelShape>();

  of(view: ModelView): ModelShape {
    const known = this.shapes.get(view.name);
    if (known?.fits(view) === true) {
      known.renew(view);
      return known;
    }
    const made = new ModelShape(view);
    this.shapes.set(view.name, made);
    return made;
  }
}
