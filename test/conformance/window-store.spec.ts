import { MemoryWindowStore } from "@picket/correlator/adapters/memory/memory-window-store.js";
import { factWindowsConformance } from "./fact-windows.js";
import { silenceConformance } from "./silences.js";
import { windowStoreConformance, type WindowStoreSubject } from "./window-store.js";

const inMemory = (): WindowStoreSubject => ({
  runs: 60,
  open: (count, limits) => {
    const store = new MemoryWindowStore(limits);
    return Promise.resolve(Array.from({ length: count }, () => store));
  },
});
windowStoreConformance("memory", inMemory);
factWindowsConformance("memory", inMemory);
silenceConformance("memory", inMemory);
