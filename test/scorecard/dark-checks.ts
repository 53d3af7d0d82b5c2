import type { Incident } from "@picket/correlator/incidents/incident.js";
import { activeIncidents } from "../engine/run-engine.js";
import type { ScenarioFlow } from "../engine/flow-scenario.js";
import { fleetSpread, fleetTraffic, incidentsOfFleet } from "../golden/dark-run.js";
import { darkLookAlikes, darkPorts, freeAddresses, hiddenScan } from "../golden/dark-scenes.js";
import { incidentsText } from "./analysis.js";
import type { Check, Measured } from "./check.js";

const scenes: readonly Scene[] = [
  { name: "an inside host tries a free address every 12 minutes", scan: freeAddresses, most: 5 },
  { name: "an outside source tries a port that nobody serves every 12 minutes", scan: darkPorts, most: 5 },
  {
    name: "an inside host tries a free address every 10 minutes, with a new web site each",
    scan: hiddenScan,
    most: 12,
  },
];

/** More are not tried. */
const stepsMax = 24;

interface Scene {
  readonly name: string;
  readonly scan: (steps: number) => ScenarioFlow[];
  /** Contacts with which it must be named. */
  readonly most: number;
}

/** Scans of what is dark in a fleet of twenty sensors that is known for a day. */
export const darkChecks: readonly Check[] = [
  ...scenes.map((scene) => ({
    name: scene.name,
    bar: `named with ${scene.most} contacts`,
    measure: () => measureScene(scene),
  })),
  {
    name: "clients of dead servers, a DHCP server, phones, machines that sleep, a filtered mail server",
    bar: "nothing",
    measure: async () => {
      const incidents = await incidentsWith(darkLookAlikes(), false);
      return { figure: incidentsText(incidents), isKept: incidents.length === 0 };
    },
  },
];

async function measureScene({ scan, most }: Scene): Promise<Measured> {
  const [known, unknown] = [await fewest(scan, false), await fewest(scan, true)];
  return {
    figure: `${stepsText(known)}; ${stepsText(unknown)} where the sensors tell no addresses`,
    isKept: known !== undefined && known <= most,
  };
}

/** The fewest steps with which anything is told. */
async function fewest(scan: Scene["scan"], isUnknown: boolean): Promise<number | undefined> {
  if (!(await isTold(scan(stepsMax), isUnknown))) return undefined;
  let [silent, told] = [0, stepsMax];
  while (told - silent > 1) {
    const steps = (silent + told) >> 1;
    if (await isTold(scan(steps), isUnknown)) told = steps;
    else silent = steps;
  }
  return told;
}

async function isTold(flows: readonly ScenarioFlow[], isUnknown: boolean): Promise<boolean> {
  return (await incidentsWith(flows, isUnknown)).length > 0;
}

async function incidentsWith(flows: readonly ScenarioFlow[], isUnknown: boolean): Promise<Incident[]> {
  return activeIncidents(
    await incidentsOfFleet([...fleetTraffic(), ...flows], { ...fleetSpread, isUnknown }),
  );
}

function stepsText(steps: number | undefined): string {
  return steps === undefined ? `not with ${stepsMax}` : String(steps);
}
