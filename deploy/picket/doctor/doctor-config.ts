import { serversConfigShape } from "@picket/correlator/config.js";
import { z } from "zod";

/** Settings of `picket doctor`: where everything is, and as whom the drill is sent. */
export const doctorConfigSchema = z.strictObject({
  ...serversConfigShape,
  api: z
    .string()
    .regex(/^(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+):\d{1,5}$/, "must be HOST:PORT, for example 127.0.0.1:50061")
    .default("127.0.0.1:50061")
    .describe("Address of the api."),
  apiTlsCaFile: text("PEM file of the authority that signed the api's certificate; turns TLS on."),
  apiTlsCertificateFile: text("PEM file of a client certificate for the api."),
  apiTlsKeyFile: text("PEM file of its private key."),
  sensorName: z
    .string()
    .regex(/^(doctor-[A-Za-z0-9_-]{1,57})?$/, "must begin with doctor-, then letters, digits, _ or -")
    .default("")
    .describe("Name of the sensor that sends the drill; empty: doctor- and the host's."),
  sensorNatsUser: text("User of that sensor at NATS; without any credentials of its own, those above."),
  sensorNatsPassword: text("Password of that sensor at NATS; better given by the environment."),
  sensorNatsToken: text("Token of that sensor at NATS."),
  sensorNatsCredentialsFile: text("Credentials file (.creds) of that sensor at NATS."),
  sensorNatsNkeyFile: text("File with the nkey seed of that sensor at NATS."),
  drill: z.boolean().default(true).describe("Send the synthetic scan; false only looks."),
  timeoutSeconds: z
    .number()
    .int()
    .min(1)
    .max(300)
    .default(30)
    .describe("How long each step of the drill may take."),
});

export type DoctorConfig = z.infer<typeof doctorConfigSchema>;

function text(about: string) {
  return z.string().max(4096).default("").describe(about);
}
