import { profileBefore, type StoredProfile } from "../profiles/host-profile-store.js";
import { portKey } from "../windows/contact-key.js";
import { memoryDays } from "../windows/source-contacts.js";
import type { Contact, Silence } from "../windows/window-store.js";

/**
 * What two days of windows say, corrected by what is usual: a host that was there
 * before them is away, at the weekend perhaps, and its address not free; a port
 * that it used to serve is not dark.
 * @param stored the profile of the contact's destination, if there is one
 */
export function usualSilence(
  { port, protocol }: Contact,
  silence: Silence,
  stored: StoredProfile | undefined,
  untilMs: number,
): Silence {
  const { fromDay, toDay } = memoryDays(untilMs);
  const usual = profileBefore(stored, toDay);
  if (usual === undefined || usual.firstDay >= fromDay) return silence;
  const service = portKey(port, protocol);
  return {
    isAddressSilent: false,
    isPortSilent: silence.isPortSilent && !usual.services.some((habit) => habit.service === service),
  };
}
