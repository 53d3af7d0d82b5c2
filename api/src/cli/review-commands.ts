import { randomUUID } from "node:crypto";
import { Metadata } from "@grpc/grpc-js";
import type { Command } from "commander";
import { Incident, UpdateIncidentRequest } from "@picket/proto/generated/picket/v1/incident.js";
import { withApiClient } from "./api-client.js";
import { authorName } from "./author-name.js";
import { formatReviewLine } from "./review-text.js";
import { addServerOptions, type ServerOptions } from "./server-options.js";
import type { Terminal } from "./terminal.js";

interface ReviewOptions extends ServerOptions {
  readonly json?: boolean;
  readonly author: string;
  readonly note?: string;
}

const idHelp = "id of the incident, as `incidents list` prints it";

/** Adds `incidents ack`, `incidents close` and `incidents note`. */
export function registerReviewCommands(incidents: Command, terminal: Terminal): void {
  const act = (id: string, action: UpdateIncidentRequest["action"], options: ReviewOptions): Promise<void> =>
    reviewCommand(id, action, options, terminal);
  addReviewOptions(incidents.command("ack").argument("<id>", idHelp))
    .description("acknowledge an incident: you look after it")
    .option("--note <text>", "a note to keep with it")
    .addHelpText(
      "after",
      "\nExample:\n  picket incidents ack 7f3a9c0e12b4d586 --note 'asked the owner of 10.0.0.9'\n",
    )
    .action((id: string, options: ReviewOptions) =>
      act(id, { $case: "acknowledge", acknowledge: { note: options.note ?? "" } }, options),
    );
  addReviewOptions(incidents.command("close").argument("<id>", idHelp))
    .description("close an incident; it reopens when it goes on")
    .option("--note <text>", "a note to keep with it")
    .addHelpText("after", "\nExample:\n  picket incidents close 7f3a9c0e12b4d586 --note 'announced test'\n")
    .action((id: string, options: ReviewOptions) =>
      act(id, { $case: "close", close: { note: options.note ?? "" } }, options),
    );
  addReviewOptions(
    incidents.command("note").argument("<id>", idHelp).argument("<text>", "what to keep with it"),
  )
    .description("add a note to an incident")
    .addHelpText("after", "\nExample:\n  picket incidents note 7f3a9c0e12b4d586 'seen last week too'\n")
    .action((id: string, text: string, options: ReviewOptions) =>
      act(id, { $case: "annotate", annotate: { note: text } }, options),
    );
}

function addReviewOptions(command: Command): Command {
  return addServerOptions(command).option("--author <name>", "who does it", authorName());
}

async function reviewCommand(
  id: string,
  action: UpdateIncidentRequest["action"],
  options: ReviewOptions,
  terminal: Terminal,
): Promise<void> {
  const request = UpdateIncidentRequest.create({
    id,
    action,
    author: options.author,
    requestId: randomUUID(),
  });
  const incident = await withApiClient(options, (client) =>
    client.call<Incident>((done, call) =>
      client.incidents.updateIncident(request, new Metadata(), call, done),
    ),
  );
  const json = `${JSON.stringify(Incident.toJSON(incident))}\n`;
  terminal.out(options.json === true ? json : formatReviewLine(incident));
}
