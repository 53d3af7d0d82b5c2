import { Metadata } from "@grpc/grpc-js";
import type { Command } from "commander";
import { Incident, ListIncidentsRequest } from "@picket/proto/generated/picket/v1/incident.js";
import type { ListIncidentsResponse } from "@picket/proto/generated/picket/v1/incident.js";
import { withApiClient, type ApiClient } from "./api-client.js";
import { addFilterOptions, toWireFilterOf, wholeNumber, type FilterOptions } from "./filter-options.js";
import { registerReviewCommands } from "./review-commands.js";
import { formatIncidentPage, formatIncidentTable } from "./incident-text.js";
import { addServerOptions, type ServerOptions } from "./server-options.js";
import type { Terminal } from "./terminal.js";
import { watchCommand, type WatchCommandOptions } from "./watch-command.js";

interface OutputOptions {
  readonly json?: boolean;
}

interface ListOptions extends ServerOptions, FilterOptions, OutputOptions {
  readonly order: string;
  readonly limit: number;
}

/** Adds `incidents list`, `show`, `watch`, `ack`, `close` and `note`. */
export function registerIncidentCommands(program: Command, terminal: Terminal): void {
  const incidents = program.command("incidents").description("list, show, watch and review incidents");
  addFilterOptions(addServerOptions(incidents.command("list")))
    .description("list incidents, the latest seen first")
    .option(
      "--order <order>",
      "last_seen, first_seen or severity, with desc for descending",
      "last_seen desc",
    )
    .option("--limit <count>", "incidents to list", wholeNumber(1), 100)
    .addHelpText("after", "\nExample:\n  picket incidents list --min-severity medium --since 1h\n")
    .action((options: ListOptions) => listCommand(options, terminal));
  addServerOptions(incidents.command("show"))
    .description("show one incident with its evidence")
    .argument("<id>", "id of the incident, as `incidents list` prints it")
    .addHelpText("after", "\nExample:\n  picket incidents show 7f3a9c0e12b4d586\n")
    .action((id: string, options: ServerOptions & OutputOptions) => showCommand(id, options, terminal));
  addFilterOptions(addServerOptions(incidents.command("watch")))
    .description("print every change of an incident as it comes, until interrupted")
    .option("--cursor <cursor>", "go on after this cursor; 0 is everything retained", "")
    .option("--count <count>", "stop after this many changes", wholeNumber(1))
    .option("--timeout <seconds>", "stop after this time", wholeNumber(1))
    .addHelpText(
      "after",
      "\nBegins with what changes from now on; --cursor 0 begins with everything kept.\n\nExample:\n  picket incidents watch --cursor 0 --min-severity high\n",
    )
    .action((options: WatchCommandOptions) => watchCommand(options, terminal));
  registerReviewCommands(incidents, terminal);
}

async function listCommand(options: ListOptions, terminal: Terminal): Promise<void> {
  await withApiClient(options, async (client) => {
    const incidents: Incident[] = [];
    let page: ListIncidentsResponse | undefined;
    do {
      page = await listPage(client, options, options.limit - incidents.length, page?.nextPageToken ?? "");
      incidents.push(...page.incidents);
    } while (page.nextPageToken !== "" && incidents.length < options.limit);
    if (page.stale) terminal.note("picket: the store cannot be reached; this is the last state known\n");
    if (options.json === true) terminal.out(incidents.map(formatJsonLine).join(""));
    else if (incidents.length > 0) terminal.out(formatIncidentTable(incidents, terminal.hasColours));
    else terminal.note("no incidents match\n");
    if (page.nextPageToken !== "") terminal.note(`there are more than ${options.limit}: raise --limit\n`);
  });
}

function listPage(
  client: ApiClient,
  options: ListOptions,
  wanted: number,
  pageToken: string,
): Promise<ListIncidentsResponse> {
  const request = ListIncidentsRequest.create({
    filter: toWireFilterOf(options),
    orderBy: options.order,
    pageSize: Math.min(1000, wanted),
    pageToken,
  });
  return client.call((done, call) => client.incidents.listIncidents(request, new Metadata(), call, done));
}

async function showCommand(
  id: string,
  options: ServerOptions & OutputOptions,
  terminal: Terminal,
): Promise<void> {
  const incident = await withApiClient(options, (client) =>
    client.call<Incident>((done, call) => client.incidents.getIncident({ id }, new Metadata(), call, done)),
  );
  terminal.out(
    options.json === true ? formatJsonLine(incident) : formatIncidentPage(incident, terminal.hasColours),
  );
}

function formatJsonLine(incident: Incident): string {
  return `${JSON.stringify(Incident.toJSON(incident))}\n`;
}
