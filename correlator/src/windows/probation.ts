import type { AddressKey } from "./address-key.js";
import { contactKey } from "./contact-key.js";
import type { ContactObservation } from "./window-store.js";

/**
 * Sources that were refused because there is no room for new ones. A spoofed
 * source comes once; one that fails at something else soon after is real, and is
 * let in. The oldest half is forgotten first.
 */
export class Probation {
  private current = new Map<AddressKey, string>();
  private previous = new Map<AddressKey, string>();

  constructor(private readonly sourcesMax: number = 1 << 16) {}

  /** True when its source failed at something else before; remembers it otherwise. */
  passes(contact: ContactObservation): boolean {
    const { source } = contact;
    const key = contactKey(contact);
    const known = this.current.get(source) ?? this.previous.get(source);
    if (known !== undefined && known !== key) return true;
    if (this.current.size >= this.sourcesMax) {
      this.previous = this.current;
      this.current = new Map();
    }
    this.current.set(source, key);
    return false;
  }

  clear(): void {
    this.current.clear();
    this.previous.clear();
  }
}
