import { formatAddressKey } from "../windows/address-key.js";
import { formatPort, parsePortKey, parseServiceKey } from "../windows/contact-key.js";
import type { CrowdKey } from "../windows/window-store.js";

/** "tcp/22", "10.0.0.1 tcp/22", "10.0.0.1", "192.0.2.0/24" or "fingerprint 0a1b2c3d". */
export function crowdText(key: CrowdKey): string {
  if (key.kind === "port")
    return formatPort(parsePortKey(key.subject).port, parsePortKey(key.subject).protocol);
  if (key.kind === "service") {
    const { destination, port, protocol } = parseServiceKey(key.subject);
    return `${formatAddressKey(destination)} ${formatPort(port, protocol)}`;
  }
  if (key.kind === "fingerprint")
    return `fingerprint ${[...key.subject].map((char) => char.charCodeAt(0).toString(16).padStart(2, "0")).join("")}`;
  return formatAddressKey(key.subject);
}
