import type { PicketError } from "@picket/proto/picket-error.js";

/** The first failure that no retry helps; the process then stops. */
export class Failures {
  #report: (error: PicketError) => void = () => {};
  /** Resolves when there is one. */
  readonly first = new Promise<PicketError>((resolve) => {
    this.#report = resolve;
  });

  report(error: PicketError): void {
    this.#report(error);
  }
}
