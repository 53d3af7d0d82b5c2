import type { FactObserver } from "../flows/flow-row.js";
import type { Finding, IncidentKind } from "../incidents/incident.js";
import type { HostProfile } from "../profiles/host-profile.js";
import type { Policy } from "../policy/policy.js";
import type { FactKind, FactWindow } from "../windows/fact-window.js";
import type { SiteEvaluation } from "./source-scan.js";

/** What a detector of facts may ask besides its windows. */
export interface FactEvaluation extends SiteEvaluation {
  /** What was usual for the subject before the slice, for a detector that asked for it. */
  readonly profile?: HostProfile;
}

/** A detector that collects facts of its own and decides from them. */
export interface FactDetector extends FactObserver {
  /** What its incidents are. */
  readonly kinds: readonly IncidentKind[];
  readonly facts: FactKind;
  /** True when it needs the profile of the window's subject: asked first, because that is a read of a store. */
  needsProfile?(window: FactWindow, policy: Policy): boolean;
  /**
   * A pure function of the windows.
   * @param windows of one subject: `facts.slicesBefore` earlier slices in order, then the slice in question
   */
  detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined;
}
