import { formatAddressKey } from "../windows/address-key.js";
import { formatPort, parsePortKey, parseServiceKey } from "../windows/contact-key.js";
import type { CrowdKey } from "../windows/window-store.js";

/** "tcp/22", "10.0.0.1 tcp/22", "10.0.0.1" or "192.0.2.0/24". */
export function crowdText(key: CrowdKey): string {
  if (key.kind === "port")
    return formatPort(parsePortKey(key.subject).port, parsePortKey(key.subject).protocol);
  if (key.kind === "service") {
    const { destination, port, protocol } = parseServiceKey(key.subject);
    return `${formatAddressKey(destination)} ${formatPort(port, protocol)}`;
  }
  return formatAddressKey(key.subject);
}
