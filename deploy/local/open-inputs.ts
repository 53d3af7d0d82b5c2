import { PicketError } from "@picket/proto/picket-error.js";
import type { SensorPipelineSettings } from "@picket/sensor/pipeline.js";

import { CaptureInput } from "./capture-input.js";
import type { FlowInput, InputFile, OnBatch } from "./flow-input.js";

/**
 * Opens every file, capture or flow log. Throws the PicketError of the first
 * that cannot be read, with every other file closed again.
 */
export async function openInputs(
  files: readonly InputFile[],
  settings: SensorPipelineSettings,
  onBatch: OnBatch,
): Promise<FlowInput[]> {
  const inputs: FlowInput[] = [];
  try {
    for (const file of files) inputs.push(await openInput(file, settings, onBatch));
    return inputs;
  } catch (error) {
    for (const input of inputs) await input.close();
    throw error;
  }
}

async function openInput(
  file: InputFile,
  settings: SensorPipelineSettings,
  onBatch: OnBatch,
): Promise<FlowInput> {
  try {
    return await CaptureInput.open(file, settings, onBatch);
  } catch (error) {
    if (!(error instanceof PicketError) || error.code !== "CAPTURE_FORMAT" || file.path === "-") throw error;
    const { FlowLogFile } = await import("@picket/sensor/flow-log/zeek-conn-log.js");
    if (!(await FlowLogFile.looksLike(file.path))) throw error;
    const { FlowLogInput } = await import("./flow-log-input.js");
    return new FlowLogInput(file, await FlowLogFile.open(file.path), onBatch);
  }
}
