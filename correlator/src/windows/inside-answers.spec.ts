import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { InsideAnswers } from "./inside-answers.js";
import {
  contactSliceMs,
  crowdBit,
  dayMs,
  newWindowCounters,
  type ContactObservation,
} from "./window-store.js";

const midnightMs = 20_000 * dayMs;
let counters = newWindowCounters();
const host = "\n\0\0\x09";

function contact(timeMs: number, some: Partial<ContactObservation> = {}): ContactObservation {
  return {
    source: "\n\0\0\x01",
    destination: host,
    protocol: 6,
    port: 22,
    timeMs,
    outcome: Outcome.answered,
    stealth: 0,
    sensor: 1,
    crowds: crowdBit.port,
    traits: 0,
    fingerprint: 0,
    ...some,
  };
}

function answersOf(...contacts: ContactObservation[]): InsideAnswers {
  counters = newWindowCounters();
  const answers = new InsideAnswers(counters);
  for (const one of contacts) answers.merge(one);
  return answers;
}

describe("what answered inside", () => {
  it.each([
    ["an answer", Outcome.answered, true, true],
    ["half an answer", Outcome.halfOpen, true, true],
    ["a refusal", Outcome.refused, true, false],
    ["an error on the way", Outcome.unreachable, true, false],
    ["silence", Outcome.ignored, false, false],
  ])("%s", (_, outcome, isHost, isPort) => {
    const answers = answersOf(contact(midnightMs, { outcome }));
    expect(answers.hasHost(host, midnightMs + contactSliceMs)).toBe(isHost);
    expect(answers.hasPort(22, 6, midnightMs + contactSliceMs)).toBe(isPort);
  });

  it("leaves what is outside out", () => {
    expect(answersOf(contact(midnightMs, { crowds: 0 })).hasHost(host, midnightMs + dayMs)).toBe(false);
  });

  it("counts from the slice of the first answer until the end of the next day", () => {
    const atMs = midnightMs + 2 * contactSliceMs + 5;
    for (const answers of [
      answersOf(contact(atMs), contact(atMs + contactSliceMs)),
      answersOf(contact(atMs + contactSliceMs), contact(atMs), contact(atMs)),
    ]) {
      expect(answers.hasHost(host, midnightMs + 2 * contactSliceMs)).toBe(false);
      expect(answers.hasHost(host, midnightMs + 3 * contactSliceMs)).toBe(true);
      expect(answers.hasHost(host, midnightMs + 2 * dayMs)).toBe(true);
      expect(answers.hasHost(host, midnightMs + 2 * dayMs + contactSliceMs)).toBe(false);
      expect(answers.hasPort(22, 6, midnightMs + 2 * contactSliceMs)).toBe(false);
      expect(answers.hasPort(22, 6, midnightMs + 3 * contactSliceMs)).toBe(true);
      expect(answers.hasPort(22, 17, midnightMs + 3 * contactSliceMs)).toBe(false);
    }
  });

  it("is known when something answered 24 hours before", () => {
    const answers = answersOf(contact(midnightMs + 5), contact(midnightMs + dayMs + 5));
    expect(answers.isKnown(midnightMs + dayMs)).toBe(false);
    expect(answers.isKnown(midnightMs + dayMs + contactSliceMs)).toBe(true);
    answers.dropDaysBefore(20_001);
    expect(answers.isKnown(midnightMs + dayMs + contactSliceMs)).toBe(false);
  });

  it("is not known where a day had more hosts than are remembered", () => {
    const answers = answersOf(contact(midnightMs));
    const destination = (index: number): string =>
      `\n${String.fromCharCode(index >>> 16, (index >>> 8) & 0xff, index & 0xff)}`;
    for (let index = 0; index < 250_000; index++)
      answers.merge(contact(midnightMs + dayMs, { destination: destination(index) }));
    expect(answers.isKnown(midnightMs + dayMs + contactSliceMs)).toBe(true);
    expect(counters.contactsRefused).toBe(0);
    answers.merge(contact(midnightMs + dayMs, { destination: destination(250_000) }));
    expect(counters.contactsRefused).toBe(1);
    expect(answers.isKnown(midnightMs + dayMs + contactSliceMs)).toBe(false);
  });
});
