import { dailyLogins, incidentsOfDay, manyStrangers, slowGuesses } from "../golden/slow-logins.js";
import { incidentsText } from "./analysis.js";
import type { Check } from "./check.js";

/** Guessing over a day at a pace that a short window does not show, and what only looks like it. */
export const loginChecks: readonly Check[] = [
  ...Object.entries(slowGuesses).map(([name, flows]) => ({
    name,
    bar: "one `brute_force`",
    measure: async () => {
      const incidents = await incidentsOfDay(flows);
      const isKept = incidents.length === 1 && incidents[0].kind === "brute_force";
      return { figure: incidentsText(incidents), isKept };
    },
  })),
  {
    name: "twenty strangers, a try every half an hour each at one host",
    bar: "one `background_scanning`",
    measure: async () => {
      const incidents = await incidentsOfDay(manyStrangers);
      const isKept = incidents.length === 1 && incidents[0].kind === "background_scanning";
      return { figure: incidentsText(incidents), isKept };
    },
  },
  {
    name: "probes of the banner, ansible, git, backups, commands, a check by a timer, mail with an old password",
    bar: "nothing",
    measure: async () => {
      const incidents = await incidentsOfDay(dailyLogins);
      return { figure: incidentsText(incidents), isKept: incidents.length === 0 };
    },
  },
];
