import type {
  Habit,
  HostProfile,
  PeerHabit,
  ServiceHabit,
} from "@picket/correlator/profiles/host-profile.js";
import { formatService } from "@picket/correlator/profiles/host-facts.js";
import { formatAddressKey } from "@picket/correlator/windows/address-key.js";
import { dayMs } from "@picket/correlator/windows/window-store.js";
import type * as wire from "@picket/proto/generated/picket/v1/host.js";
import type { Timestamp } from "@picket/proto/generated/google/protobuf/timestamp.js";
import { toTimestamp, toUint64 } from "../grpc/wire-value-mapper.js";

/** The API message of a host's profile. */
export function toWireHostProfile(address: string, profile: HostProfile): wire.HostProfile {
  return {
    address,
    firstTime: toTimestamp(profile.firstDay * dayMs),
    lastTime: toDayEnd(profile),
    days: profile.days,
    peersPerDay: profile.peersPerDay,
    sentBytesPerDay: toUint64(profile.sentBytesPerDay),
    receivedBytesPerDay: toUint64(profile.receivedBytesPerDay),
    hourShares: [...profile.hours],
    services: profile.services.map(toService),
    usedServices: profile.uses.map(toService),
    peers: profile.peers.map(toPeer),
  };
}

function toService(habit: ServiceHabit): wire.HostProfile_ServiceHabit {
  return {
    port: formatService(habit.service),
    dayShare: habit.share,
    lastTime: toDayEnd(habit),
    clientsMin: habit.clients,
  };
}

function toPeer(habit: PeerHabit): wire.HostProfile_PeerHabit {
  return { address: formatAddressKey(habit.address), dayShare: habit.share, lastTime: toDayEnd(habit) };
}

function toDayEnd({ lastDay }: Pick<Habit, "lastDay">): Timestamp {
  return toTimestamp((lastDay + 1) * dayMs);
}
