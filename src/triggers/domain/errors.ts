import { RatchetError } from '../../kernel/index.js';

/** Thrown when a trigger is asked for while another one of the model is open. */
export class TriggerStillOpen extends RatchetError {
  readonly code = 'conflict';
  constructor(model: string, open: string) {
    super(`Trigger "${open}" of model "${model}" is still open; a model has one at a time.`, { model, open });
  }
}

/** Thrown when a trigger is asked for while something else is changing what serves the model. */
export class ModelIsChanging extends RatchetError {
  readonly code = 'conflict';
  constructor(model: string, holder: string) {
    super(`What serves model "${model}" is being changed by "${holder}".`, { model, holder });
  }
}

/** Thrown when a trigger is asked for before anything serves the model. */
export class NothingServes extends RatchetError {
  readonly code = 'conflict';
  constructor(model: string) {
    super(`No version of model "${model}" serves yet.`, { model });
  }
}
