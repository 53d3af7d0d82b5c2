import { networkFault, networksMax, type NetworkFault } from "@picket/proto/network-claim.js";
import { formatAddressKey } from "../windows/address-key.js";
import { addressKeyOfText } from "../windows/address-text.js";

/** Why a network that a sensor tells is not believed. */
export type NetworkRefusal = NetworkFault | "unreadable" | "surplus";

/** How many networks of a sensor were refused, by reason. */
export type RefusedNetworks = Partial<Record<NetworkRefusal, number>>;

/**
 * Those of the networks that a sensor tells which can be true: it may be
 * compromised, and what it says decides what is inside.
 * @param refused where the others are added
 */
export function believedNetworks(claims: readonly string[], refused: RefusedNetworks): string[] {
  const networks = claims.slice(0, networksMax).map(readNetwork);
  for (const { refusal } of networks) if (refusal !== undefined) count(refused, refusal, 1);
  if (claims.length > networksMax) count(refused, "surplus", claims.length - networksMax);
  return [...new Set(networks.flatMap(({ text }) => text ?? []))];
}

function readNetwork(claim: string): { readonly text?: string; readonly refusal?: NetworkRefusal } {
  const [, address, length] = /^([0-9a-fA-F.:]{2,45})\/(\d{1,3})$/.exec(claim) ?? [];
  const key = address === undefined ? undefined : addressKeyOfText(address);
  const bits = Number(length);
  if (key === undefined || bits > key.length * 8) return { refusal: "unreadable" };
  const refusal = networkFault({ address: Array.from(key, (char) => char.charCodeAt(0)), bits });
  return refusal === undefined ? { text: `${formatAddressKey(key)}/${bits}` } : { refusal };
}

function count(refused: RefusedNetworks, reason: NetworkRefusal, networks: number): void {
  refused[reason] = (refused[reason] ?? 0) + networks;
}
