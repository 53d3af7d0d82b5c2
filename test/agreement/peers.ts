import { isInstalled } from "../bench/child-cpu.js";

/** The independent meters that are installed here. */
export const hasTshark = isInstalled("tshark");
export const hasNfpcapd = isInstalled("nfpcapd") && isInstalled("nfdump");
