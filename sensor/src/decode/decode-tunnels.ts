import { decodeEthernet, decodeEtherType } from "./decode-ethernet.js";
import { decodeIpv4 } from "./decode-ipv4.js";
import { decodeIpv6 } from "./decode-ipv6.js";
import { type DecodedPacket, DecodeResult, decodeResultNames } from "./decoded-packet.js";
import {
  etherTypeBridging,
  findTunnel,
  tunnelHeaderBytes,
  tunnelKind,
  TunnelPayload,
  tunnelPayload,
} from "./find-tunnel.js";
import { IpProtocol } from "./ip-protocol.js";
import { TunnelFault } from "./tunnel-kind.js";

/**
 * Follows the tunnels of the packet just decoded into `out`, at most
 * `out.tunnelLayersMax`, to the packet that somebody sent. Where the inside
 * cannot be decoded, `out` is the tunnel's own packet again and its
 * `tunnelFault` says why. `out` must hold a packet of result `flow`.
 */
export function decodeTunnels(bytes: Uint8Array, view: DataView, out: DecodedPacket): DecodeResult {
  const { vlanId } = out;
  for (let layers = 0; ; layers++) {
    const tunnel = findTunnel(bytes, view, out);
    if (tunnel === 0) return DecodeResult.flow;
    out.tunnels |= tunnelKind(tunnel);
    out.tunnelFault = faultBefore(tunnel, layers, out);
    if (out.tunnelFault !== TunnelFault.none) return DecodeResult.flow;
    const { isIpv6, networkOffset, networkEnd } = out;
    const inner = decodeInside(bytes, view, tunnel, out);
    out.vlanId = vlanId;
    if (inner === DecodeResult.laterFragment) return inner;
    if (inner !== DecodeResult.flow) {
      out.tunnelFault = faults[inner];
      return isIpv6
        ? decodeIpv6(bytes, view, networkOffset, networkEnd, out)
        : decodeIpv4(bytes, view, networkOffset, networkEnd, out);
    }
    if (out.protocol === IpProtocol.tcp) return DecodeResult.flow;
  }
}

/** Why the inside of a tunnel is not even tried. */
function faultBefore(tunnel: number, layers: number, out: DecodedPacket): TunnelFault {
  const payload = tunnelPayload(tunnel);
  if (payload === TunnelPayload.undecoded) return TunnelFault.undecoded;
  if (payload === TunnelPayload.truncated) return TunnelFault.truncated;
  if (out.isFirstFragment) return TunnelFault.fragmented;
  return layers >= out.tunnelLayersMax ? TunnelFault.tooDeep : TunnelFault.none;
}

function decodeInside(bytes: Uint8Array, view: DataView, tunnel: number, out: DecodedPacket): DecodeResult {
  const offset = out.payloadOffset + tunnelHeaderBytes(tunnel);
  const end = out.payloadOffset + out.payloadCaptured;
  const payload = tunnelPayload(tunnel);
  if (payload === etherTypeBridging) return decodeEthernet(bytes, view, offset, end, out);
  if (payload !== TunnelPayload.anyIp) return decodeEtherType(bytes, view, offset, end, payload, out);
  if (end <= offset) return DecodeResult.truncatedIpv4;
  return bytes[offset] >> 4 === 6
    ? decodeIpv6(bytes, view, offset, end, out)
    : decodeIpv4(bytes, view, offset, end, out);
}

/** Fault by the result of what is inside. */
const faults: readonly TunnelFault[] = decodeResultNames.map((name) => {
  if (name === "arp" || name === "not_ip") return TunnelFault.undecoded;
  if (name.startsWith("truncated_")) return TunnelFault.truncated;
  return name.startsWith("too_many_") ? TunnelFault.tooDeep : TunnelFault.bad;
});
