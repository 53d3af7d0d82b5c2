import { incidentKinds, severities } from "@picket/correlator/incidents/incident.js";
import { IncidentState, type Incident } from "@picket/proto/generated/picket/v1/incident.js";
import type { PlannedAttack } from "../scenarios/attack-plan.js";

/** Of an incident's parties, those that must be an attack's for it to be about this attack. */
const ownShareMin = 0.8;
const low = severities.indexOf("low");

/** What became of one attack. */
export interface AttackVerdict {
  readonly name: string;
  readonly number: number;
  /** An incident of the right kind, at least as severe as it must be, stands at the end. */
  readonly isFound: boolean;
  /** From the packet or expiry that decides to the first event of the right kind, milliseconds. */
  readonly delayMs: number | undefined;
  /** Active incidents about it at the end, as "kind severity". */
  readonly incidents: readonly string[];
}

/** An incident that is about no attack. */
export interface FalseIncident {
  readonly id: string;
  readonly kind: string;
  readonly severity: string;
  readonly summary: string;
}

/** What the watch said, held against what was planned. */
export interface FleetFindings {
  readonly attacks: readonly AttackVerdict[];
  readonly falseIncidents: readonly FalseIncident[];
  /** Attacks found, of all; 1 without attacks. */
  readonly recall: number;
  /** Incidents of low severity or above that are about an attack, of all of them; 1 without any. */
  readonly precision: number;
}

interface Known {
  /** As it was told last. */
  incident: Incident;
  /** Highest severity it ever had, from 0. */
  severity: number;
  /** When it was first told with each of its kinds, milliseconds since the Unix epoch. */
  readonly kindMs: Map<string, number>;
}

/** Holds the events of a watch against the attacks of a run. */
export class FleetVerdict {
  readonly #known = new Map<string, Known>();

  constructor(private readonly attacks: readonly PlannedAttack[]) {}

  /** An event of the watch, with the time it came, milliseconds since the Unix epoch. */
  take(incident: Incident, arrivedMs: number): void {
    if (incident.drill) return;
    const known = this.#known.get(incident.id) ?? {
      incident,
      severity: 0,
      kindMs: new Map<string, number>(),
    };
    known.incident = incident;
    known.severity = Math.max(known.severity, incident.severity - 1);
    const kind = kindOf(incident);
    if (!known.kindMs.has(kind)) known.kindMs.set(kind, arrivedMs);
    this.#known.set(incident.id, known);
  }

  /** True when every attack is found already. */
  get isComplete(): boolean {
    return this.attacks.every((attack) => this.#verdictOf(attack).isFound);
  }

  findings(): FleetFindings {
    const attacks = this.attacks.map((attack) => this.#verdictOf(attack));
    const told = [...this.#known.values()].filter(({ severity }) => severity >= low);
    const wrong = told.filter(({ incident }) => !this.attacks.some((attack) => isAbout(incident, attack)));
    return {
      attacks,
      falseIncidents: wrong.map(({ incident, severity }) => ({
        id: incident.id,
        kind: kindOf(incident),
        severity: severities[severity],
        summary: incident.summary,
      })),
      recall: shareOf(attacks.filter(({ isFound }) => isFound).length, attacks.length),
      precision: shareOf(told.length - wrong.length, told.length),
    };
  }

  #verdictOf(attack: PlannedAttack): AttackVerdict {
    const { name, kinds, severityMin } = attack.kind;
    const about = [...this.#known.values()].filter(({ incident }) => isAbout(incident, attack));
    const active = about.filter(({ incident }) => isActive(incident));
    const times = about.flatMap(({ kindMs }) => kinds.flatMap((kind) => kindMs.get(kind) ?? []));
    return {
      name,
      number: attack.number,
      isFound: active.some(
        ({ incident }) =>
          kinds.some((kind) => kind === kindOf(incident)) &&
          incident.severity - 1 >= severities.indexOf(severityMin),
      ),
      delayMs: times.length === 0 ? undefined : Math.round(Math.min(...times) - attack.decidedMs),
      incidents: active.map(
        ({ incident }) => `${kindOf(incident)} ${severities[incident.severity - 1] ?? ""}`,
      ),
    };
  }
}

/** Nearly all of its parties are the attack's, and where it names both, both. */
function isAbout({ sources, targets }: Incident, attack: PlannedAttack): boolean {
  const isOwn = (parties: readonly string[], own: ReadonlySet<string>): boolean =>
    parties.filter((party) => own.has(party)).length >= parties.length * ownShareMin;
  return (
    sources.length + targets.length > 0 && isOwn(sources, attack.sources) && isOwn(targets, attack.targets)
  );
}

function isActive({ state }: Incident): boolean {
  return state !== IncidentState.INCIDENT_STATE_MERGED && state !== IncidentState.INCIDENT_STATE_RETRACTED;
}

function kindOf({ kind }: Incident): string {
  return incidentKinds[kind - 1] ?? "unknown";
}

function shareOf(part: number, all: number): number {
  return all === 0 ? 1 : part / all;
}
