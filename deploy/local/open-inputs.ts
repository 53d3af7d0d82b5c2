import { PicketError } from "@picket/proto/picket-error.js";
import type { SensorPipelineSettings } from "@picket/sensor/pipeline.js";

import { CaptureInput } from "./capture-input.js";
import type { FlowInput, InputFile, OnBatch } from "./flow-input.js";

/** Flows that are live at once in all files together, and in each however many there are. */
const flowsMax = 1 << 18;
const flowsOfFileMin = 1 << 16;

/**
 * Opens every file, capture or flow log. Throws the PicketError of the first
 * that cannot be read, with every other file closed again. A file has time: what
 * a live sensor would refuse in an emergency finds room here, unless the
 * settings say otherwise.
 */
export async function openInputs(
  files: readonly InputFile[],
  settings: SensorPipelineSettings,
  onBatch: OnBatch,
): Promise<FlowInput[]> {
  const inputs: FlowInput[] = [];
  const tableFlowsMax = Math.max(flowsOfFileMin, Math.floor(flowsMax / files.length));
  try {
    for (const file of files) inputs.push(await openInput(file, { tableFlowsMax, ...settings }, onBatch));
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
