import type { NatsConfig } from "../../config.js";
import type { NatsSettings } from "./nats-link.js";

/** A role's configuration as the link takes it: what is empty is absent. */
export function natsSettings(config: NatsConfig): NatsSettings {
  return {
    urls: config.nats,
    user: given(config.natsUser),
    password: given(config.natsPassword),
    token: given(config.natsToken),
    credentialsFile: given(config.natsCredentialsFile),
    nkeyFile: given(config.natsNkeyFile),
    tlsCaFile: given(config.natsTlsCaFile),
    tlsCertificateFile: given(config.natsTlsCertificateFile),
    tlsKeyFile: given(config.natsTlsKeyFile),
  };
}

function given(text: string): string | undefined {
  return text === "" ? undefined : text;
}
