import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";

import type { FlowInput, InputCounters, InputFile } from "./flow-input.js";
import { openInputs } from "./open-inputs.js";

/** Counters of one metered file. */
export interface MeteredFile extends InputFile {
  readonly counters: InputCounters;
  /** Where it is damaged, if it is. */
  readonly damage: string | undefined;
}

/**
 * Meters every file one after the other and stops there. `onFlows` sees each
 * batch of flow records; its columns are reused after the call. Loads nothing
 * beyond the sensor's pure code, so that an empty file costs next to nothing.
 */
export async function meterFiles(
  files: readonly InputFile[],
  onFlows?: (input: FlowInput, columns: FlowColumns) => void,
): Promise<MeteredFile[]> {
  const inputs = await openInputs(files, {}, onFlows ?? nothing);
  const metered: MeteredFile[] = [];
  for (const input of inputs) {
    while (await input.next());
    const { sensor, path, damage } = input;
    metered.push({ sensor, path, damage, counters: input.counters() });
    await input.close();
  }
  return metered;
}

function nothing(): void {
  // Only the counters are wanted.
}
