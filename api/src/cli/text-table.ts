import Table from "cli-table3";
import { printable } from "./terminal.js";

const noBorders = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "",
};

/** A cell: text, or text with a colour around it. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

/** Columns without borders, wide as needed, each line ended; cells lose their control characters. */
export function formatTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const table = new Table({
    head: [...head],
    chars: noBorders,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
  });
  for (const row of rows) table.push(row.map(formatCell));
  const lines = table.toString().split("\n");
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}

function formatCell(cell: Cell): string {
  return typeof cell === "string" ? printable(cell) : cell.paint(printable(cell.text));
}
