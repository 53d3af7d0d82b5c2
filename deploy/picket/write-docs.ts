import { writeFileSync } from "node:fs";

import { configurationPage } from "./configuration-page.js";

// npm run docs: writes the generated pages.
writeFileSync(new URL("../../../docs/configuration.md", import.meta.url), configurationPage());
